package generated

import (
	"regexp"
	"sync"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/xds"
)

// filters visits the filters of a listener.
func filters(l *listenerv3.Listener, visit func(*listenerv3.Filter)) {
	chains := l.GetFilterChains()
	if l.GetDefaultFilterChain() != nil {
		chains = append(chains[:len(chains):len(chains)], l.GetDefaultFilterChain())
	}
	for _, chain := range chains {
		for _, f := range chain.GetFilters() {
			visit(f)
		}
	}
}

func manager(f *listenerv3.Filter) *hcmv3.HttpConnectionManager {
	m := &hcmv3.HttpConnectionManager{}
	if f.GetTypedConfig() == nil || !f.GetTypedConfig().MessageIs(m) || f.GetTypedConfig().UnmarshalTo(m) != nil {
		return nil
	}
	return m
}

// routeVersions are those of the route configurations that a listener had before they were put into it. They no longer can be told from
// the listener itself.
func routeVersions(l *listenerv3.Listener, view *xds.View) []string {
	var out []string
	filters(l, func(f *listenerv3.Filter) {
		if m := manager(f); m != nil && m.GetRouteConfig().GetName() != "" {
			if r := view.Table(xds.RouteType).Get(m.GetRouteConfig().GetName()); r != nil {
				out = append(out, r.Version)
			}
		}
	})
	return out
}

// inline puts the routes and the extensions that a listener asks for into it, and returns the objects behind all of it.
func inline(l *listenerv3.Listener, view *xds.View, from []config.Key) []config.Key {
	from = append([]config.Key(nil), from...)
	filters(l, func(f *listenerv3.Filter) {
		m := manager(f)
		if m == nil {
			return
		}
		if r := view.Table(xds.RouteType).Get(m.GetRds().GetRouteConfigName()); r != nil {
			routes := &routev3.RouteConfiguration{}
			if proto.Unmarshal(r.Any.GetValue(), routes) == nil {
				m.RouteSpecifier = &hcmv3.HttpConnectionManager_RouteConfig{RouteConfig: routes}
				from = append(from, r.From...)
			}
		}
		for _, h := range m.GetHttpFilters() {
			if r := view.Table(xds.ExtensionType).Get(h.GetName()); h.GetConfigDiscovery() != nil && r != nil && patched(r) {
				x := &corev3.TypedExtensionConfig{}
				if proto.Unmarshal(r.Any.GetValue(), x) == nil {
					h.ConfigType = &hcmv3.HttpFilter_TypedConfig{TypedConfig: x.GetTypedConfig()}
					from = append(from, r.From...)
				}
			}
		}
		if packed, err := anypb.New(m); err == nil {
			f.ConfigType = &listenerv3.Filter_TypedConfig{TypedConfig: packed}
		}
	})
	return from
}

// patched reports whether an extension comes from an EnvoyFilter: code of the others is on the proxies' machines only.
func patched(r *xds.Resource) bool {
	return len(r.From) > 0 && r.From[0].Kind == config.EnvoyFilter
}

// listenerPart lets the system choose the port: the listeners of several proxies are in one file.
func listenerPart(name string, l *listenerv3.Listener, from []config.Key, w *analyze.Workload) Part {
	if s := l.GetAddress().GetSocketAddress(); s != nil {
		s.Address, s.PortSpecifier = "127.0.0.1", &corev3.SocketAddress_PortValue{}
	}
	l.AdditionalAddresses = nil
	text, _ := protojson.MarshalOptions{UseProtoNames: true}.Marshal(l) // it was decoded a moment ago
	return Part{Name: name, Type: "listener", Proxy: w.Object.Key, From: origins(from), JSON: text}
}

var quoted = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`"[^"\\]+"`) })

// refer finds the clusters of other files that the listeners of this one name.
func (f *file) refer() {
	done := map[string]bool{}
	for _, p := range append(f.Listeners[:len(f.Listeners):len(f.Listeners)], f.Clusters...) {
		for _, word := range quoted().FindAll(p.JSON, -1) {
			name := string(word[1 : len(word)-1])
			if r := f.known[name]; r != nil && !done[name] && f.names["cluster "+name] == 0 {
				done[name] = true
				if c, ok := clusterPart(r, f.Proxy); ok {
					f.Context = append(f.Context, c)
				}
			}
		}
	}
	f.known = nil
}
