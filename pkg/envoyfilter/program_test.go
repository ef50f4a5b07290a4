package envoyfilter

import (
	"testing"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/meshctl/meshctl/pkg/config"
)

// compiled is an EnvoyFilter whose name shows in what it does: it sets the cluster's alt_stat_name.
func compiled(t *testing.T, namespace, name string, priority int32, created time.Time) *Filter {
	t.Helper()
	f, problems := Compile(object(t, "  - {applyTo: CLUSTER, patch: {operation: MERGE, value: {alt_stat_name: "+name+"}}}\n"))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	f.Key, f.Priority, f.Created = config.Key{Kind: config.EnvoyFilter, Namespace: namespace, Name: name}, priority, created
	return f
}

// TestOrder: the root namespace first, then priority, age and name; the last one's word counts.
func TestOrder(t *testing.T) {
	old, young := time.Unix(1, 0), time.Unix(2, 0)
	at := ClusterPlace(Outbound, "c")
	for name, c := range map[string]struct {
		filters []*Filter
		want    string
	}{
		"root first":    {[]*Filter{compiled(t, "default", "own", 0, old), compiled(t, "istio-system", "root", 0, young)}, "own"},
		"even if later": {[]*Filter{compiled(t, "default", "own", -5, old), compiled(t, "istio-system", "root", 5, old)}, "own"},
		"priority":      {[]*Filter{compiled(t, "default", "late", 10, old), compiled(t, "default", "early", -10, young)}, "late"},
		"age":           {[]*Filter{compiled(t, "default", "a", 0, young), compiled(t, "default", "b", 0, old)}, "a"},
		"name":          {[]*Filter{compiled(t, "default", "b", 0, old), compiled(t, "default", "a", 0, old)}, "b"},
	} {
		t.Run(name, func(t *testing.T) {
			r := NewProgram(c.filters, "istio-system", nil).Cluster(&clusterv3.Cluster{Name: "c"}, at)
			if got := r.Message.GetAltStatName(); got != c.want {
				t.Errorf("the last was %q, want %q", got, c.want)
			}
		})
	}
}

func TestProxyMatch(t *testing.T) {
	f, problems := Compile(object(t, `  - {applyTo: CLUSTER, match: {proxy: {proxyVersion: "^1\\.31.*", metadata: {TEAM: blue}}}, patch: {operation: MERGE, value: {alt_stat_name: x}}}`+"\n"))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for name, c := range map[string]struct {
		metadata map[string]string
		want     bool
	}{
		"both": {map[string]string{"ISTIO_VERSION": "1.31.0", "TEAM": "blue"}, true}, "another version": {map[string]string{"ISTIO_VERSION": "1.20.0", "TEAM": "blue"}, false},
		"another value": {map[string]string{"ISTIO_VERSION": "1.31.0", "TEAM": "red"}, false}, "none": {nil, false},
	} {
		if got := NewProgram([]*Filter{f}, "istio-system", c.metadata) != nil; got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// TestMerge: one value is replaced as a whole, lists grow.
func TestMerge(t *testing.T) {
	into := &hcmv3.HttpConnectionManager{
		StreamIdleTimeout: durationpb.New(1500 * time.Millisecond), UseRemoteAddress: wrapperspb.Bool(true),
		UpgradeConfigs: []*hcmv3.HttpConnectionManager_UpgradeConfig{{UpgradeType: "a"}}, ServerName: "kept",
	}
	from := &hcmv3.HttpConnectionManager{
		StreamIdleTimeout: durationpb.New(2 * time.Second), UseRemoteAddress: wrapperspb.Bool(false),
		UpgradeConfigs: []*hcmv3.HttpConnectionManager_UpgradeConfig{{UpgradeType: "b"}},
	}
	merge(into, from, false)
	if into.StreamIdleTimeout.AsDuration() != 2*time.Second || into.UseRemoteAddress.GetValue() || len(into.UpgradeConfigs) != 2 || into.ServerName != "kept" {
		t.Errorf("merged: %v", into)
	}
	merge(into, from, true)
	if len(into.UpgradeConfigs) != 1 || into.UpgradeConfigs[0].UpgradeType != "b" {
		t.Errorf("merged with lists replaced: %v", into)
	}
}

// TestOneBadPatch: what Envoy would refuse is left out, and the others are applied.
func TestOneBadPatch(t *testing.T) {
	f, problems := Compile(object(t, `
  - {applyTo: CLUSTER, patch: {operation: MERGE, value: {connect_timeout: 3s}}}
  - {applyTo: CLUSTER, patch: {operation: MERGE, value: {connect_timeout: -3s}}}
  - {applyTo: CLUSTER, patch: {operation: MERGE, value: {lb_policy: CLUSTER_PROVIDED}}}
  - {applyTo: CLUSTER, patch: {operation: MERGE, value: {name: other}}}
  - {applyTo: CLUSTER, patch: {operation: MERGE, value: {alt_stat_name: yes it is}}}
`))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	given := &clusterv3.Cluster{Name: "c", ConnectTimeout: durationpb.New(time.Second)}
	r := NewProgram([]*Filter{f}, "istio-system", nil).Cluster(given, ClusterPlace(Outbound, "c"))
	if len(r.Problems) != 3 || r.Message.GetConnectTimeout().AsDuration() != 3*time.Second || r.Message.GetAltStatName() == "" || r.Message.GetName() != "c" {
		t.Errorf("%v\n%v", r.Message, r.Problems)
	}
	if given.GetConnectTimeout().AsDuration() != time.Second {
		t.Error("the given cluster was changed")
	}
}

// TestPlaces: an explicit sidecar's listeners are found by the ports and names that they have where connections are redirected.
func TestPlaces(t *testing.T) {
	chain := &listenerv3.FilterChain{Name: "c"}
	for name, c := range map[string]struct {
		applyTo, match string
		at             Place
		want           bool
	}{
		"explicit inbound":           {"NETWORK_FILTER", "context: SIDECAR_INBOUND, listener: {portNumber: 8080}", InboundPlace("inbound|8080"), true},
		"its destination port":       {"NETWORK_FILTER", "context: SIDECAR_INBOUND, listener: {filterChain: {destinationPort: 8080}}", InboundPlace("inbound|8080"), true},
		"another":                    {"NETWORK_FILTER", "listener: {portNumber: 8081}", InboundPlace("inbound|8080"), false},
		"by Istio's name":            {"NETWORK_FILTER", "listener: {name: virtualInbound}", InboundPlace("inbound|8080"), true},
		"the whole by Istio's port":  {"LISTENER", "listener: {portNumber: 15006}", InboundPlace("inbound|8080"), true},
		"not its filters":            {"NETWORK_FILTER", "listener: {portNumber: 15006}", InboundPlace("inbound|8080"), false},
		"virtual inbound":            {"LISTENER", "listener: {portNumber: 15006}", InboundPlace("virtualInbound"), true},
		"not the whole by one port":  {"LISTENER", "listener: {portNumber: 8080}", InboundPlace("virtualInbound"), false},
		"explicit outbound":          {"NETWORK_FILTER", "context: SIDECAR_OUTBOUND, listener: {portNumber: 80}", OutboundPlace("outbound|80|a.b", 4000), true},
		"redirected outbound":        {"NETWORK_FILTER", "context: SIDECAR_OUTBOUND, listener: {portNumber: 80}", OutboundPlace("0.0.0.0_80", 80), true},
		"another direction":          {"NETWORK_FILTER", "context: SIDECAR_INBOUND", OutboundPlace("0.0.0.0_80", 80), false},
		"virtual outbound":           {"LISTENER", "listener: {portNumber: 15001}", OutboundPlace("virtualOutbound", 15001), true},
		"gateway by its own port":    {"NETWORK_FILTER", "context: GATEWAY, listener: {portNumber: 8080}", GatewayPlace("0.0.0.0_8080", map[uint32]uint32{80: 8080}), true},
		"gateway by its service's":   {"NETWORK_FILTER", "context: GATEWAY, listener: {portNumber: 80}", GatewayPlace("0.0.0.0_8080", map[uint32]uint32{80: 8080}), true},
		"gateway by another service": {"NETWORK_FILTER", "context: GATEWAY, listener: {portNumber: 443}", GatewayPlace("0.0.0.0_8080", map[uint32]uint32{80: 8080}), false},
	} {
		t.Run(name, func(t *testing.T) {
			f, problems := Compile(object(t, "  - {applyTo: "+c.applyTo+", match: {"+c.match+"}, patch: {operation: MERGE, value: {}}}\n"))
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			p := f.Patches[0]
			if got := p.concernsListener(c.at) && (c.applyTo == "LISTENER" || p.matchesChain(c.at, chain)); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestRoutePlaces(t *testing.T) {
	for name, c := range map[string]struct {
		match string
		at    Place
		want  bool
	}{
		"port":              {"portNumber: 80", RoutePlace(Outbound, "80", nil), true},
		"port of a host":    {"portNumber: 80", RoutePlace(Outbound, "a.b:80", nil), true},
		"inbound":           {"portNumber: 8080", RoutePlace(Inbound, "inbound|8080||", nil), true},
		"name":              {"name: http_proxy", RoutePlace(Outbound, "http_proxy", nil), true},
		"another name":      {`name: "81"`, RoutePlace(Outbound, "80", nil), false},
		"gateway":           {"portNumber: 80", RoutePlace(Gateway, "http.8080", map[uint32]uint32{80: 8080}), true},
		"server":            {"portName: web, gateway: ns/gw.one", RoutePlace(Gateway, "https.443.web.gw.one.ns", nil), true},
		"another server":    {"portName: other", RoutePlace(Gateway, "https.443.web.gw.ns", nil), false},
		"another gateway":   {"gateway: ns/other", RoutePlace(Gateway, "https.443.web.gw.ns", nil), false},
		"name of a gateway": {"name: http.8080", RoutePlace(Gateway, "http.8080", nil), true},
	} {
		t.Run(name, func(t *testing.T) {
			f, problems := Compile(object(t, "  - {applyTo: ROUTE_CONFIGURATION, match: {routeConfiguration: {"+c.match+"}}, patch: {operation: MERGE, value: {}}}\n"))
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			if got := f.Patches[0].concernsRoute(c.at); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}
