package translate

import (
	"slices"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// VirtualHostInput is everything that one virtual host depends on.
type VirtualHostInput struct {
	Config *mesh.Config
	Proxy  mesh.ProxyType
	Mode   mesh.Mode
	// Name of the virtual host: "host:port".
	Name string
	// Domains that it answers to, see Domains. They must be unique within a route configuration.
	Domains []string
	// Service that the host is; nil for a host that only VirtualServices know.
	Service *mesh.Service
	// Port being addressed. Without a Service only its Number and Protocol count.
	Port mesh.Port
	// Virtual are the VirtualServices for the host: at sidecars the first one counts, at gateways all do, in order. They hold only
	// what concerns these clients: matches by source and by gateway are decided before.
	Virtual []*mesh.VirtualService
	// Destinations are what the rules may name, see Destinations.
	Destinations []Destination
	// RedirectToTLS answers every plaintext request with a redirect to https (httpsRedirect).
	RedirectToTLS bool
	// Tunnel is where CONNECT requests for the service lead, when TLS or TCP routes say so; see tunnels.
	Tunnel []WeightedCluster
	// RewriteHost sends requests on under the service's own name: clients of a local port know only its number.
	RewriteHost bool
}

// VirtualHost returns the routes of one host: the rules of its VirtualServices, or else one route to the service.
func VirtualHost(in VirtualHostInput) (*routev3.VirtualHost, []config.Problem) {
	b := &routeBuilder{in: in, notes: &problems{}}
	host := &routev3.VirtualHost{Name: in.Name, Domains: in.Domains, IncludeRequestAttemptCount: in.Proxy != mesh.Proxyless && countsAttempts(in.Config)}
	if in.RedirectToTLS {
		host.RequireTls = routev3.VirtualHost_ALL
	}
	if in.Mode == mesh.Explicit && in.Proxy == mesh.Sidecar && in.Service != nil && !in.RewriteHost {
		host.Routes = append(host.Routes, b.connectRoute())
	}
	if in.Service == nil || speaksHTTP(in.Port.Protocol) {
		host.Routes = append(host.Routes, b.routes()...)
	}
	hoist(host)
	return host, b.notes.list
}

// routeBuilder makes the routes of one virtual host.
type routeBuilder struct {
	in      VirtualHostInput
	notes   *problems
	virtual *mesh.VirtualService // whose rules are being translated
}

// routes translates the rules of the VirtualServices. Those for one host are merged on gateways only; the first rule that takes every
// request is then the last of all, so that the order of the objects does not matter (Istio, "Traffic Management Best Practices").
func (b *routeBuilder) routes() []*routev3.Route {
	var out, last []*routev3.Route
	ruled, ordered := false, false
	for _, vs := range b.in.Virtual {
		if !b.concerned(vs.Spec.GetHttp()) || ordered && vs.Precise() {
			continue
		}
		ruled = true
		b.virtual, b.notes.object = vs, vs.Object.Key
		translate := func() ([]*routev3.Route, []*routev3.Route) { return b.rules(vs.Spec.GetHttp()) }
		if vs.Precise() {
			translate, ordered = b.precise, true
		}
		routes, rest := translate()
		out = append(out, routes...)
		if last == nil {
			last = rest
		}
		if b.in.Proxy != mesh.Router {
			break
		}
	}
	if !ruled && b.in.Service != nil {
		out = append(out, b.defaultRoute())
	}
	return append(out, last...)
}

// concerned reports whether a rule is for the port being addressed; where none is, the port is served as if there were no rules.
func (b *routeBuilder) concerned(rules []*networking.HTTPRoute) bool {
	return slices.ContainsFunc(rules, func(r *networking.HTTPRoute) bool {
		return len(r.GetMatch()) == 0 || slices.ContainsFunc(r.GetMatch(), b.matchesPort)
	})
}

func (b *routeBuilder) matchesPort(m *networking.HTTPMatchRequest) bool {
	return m.GetPort() == 0 || m.GetPort() == b.in.Port.Number
}

// rules translates rules in order and stops after the first that takes every request, which is rest.
func (b *routeBuilder) rules(list []*networking.HTTPRoute) (out, rest []*routev3.Route) {
	for i, rule := range list {
		routes, all := b.rule(rule, field("spec.http", i))
		out = append(out, routes...)
		if all {
			return out[:len(out)-1], out[len(out)-1:]
		}
	}
	return out, nil
}

// rule returns one route for each alternative match of a rule that concerns these proxies; all says that the last one
// takes every request.
func (b *routeBuilder) rule(rule *networking.HTTPRoute, path string) (out []*routev3.Route, all bool) {
	if len(rule.GetMatch()) == 0 {
		r := &routev3.Route{Name: rule.GetName(), Match: anyRequest(), Metadata: origin(b.virtual.Object.Key)}
		b.action(r, rule, nil, path)
		return []*routev3.Route{r}, true
	}
	for i, m := range rule.GetMatch() {
		if !b.matchesPort(m) {
			continue
		}
		match, ok := b.match(m, field(path+".match", i))
		if !ok {
			continue
		}
		r := &routev3.Route{Name: routeName(rule.GetName(), m.GetName()), Match: match, StatPrefix: m.GetStatPrefix(), Metadata: origin(b.virtual.Object.Key)}
		b.action(r, rule, m, path)
		out = append(out, r)
		if takesAll(match) {
			return out, true
		}
	}
	return out, false
}

func routeName(rule, match string) string {
	if rule != "" && match != "" {
		return rule + "." + match
	}
	return rule + match
}

// defaultRoute leads to the service where no VirtualService says otherwise.
func (b *routeBuilder) defaultRoute() *routev3.Route {
	s := b.in.Service
	r := &routev3.Route{
		Name: "default", Match: anyRequest(), Metadata: origin(s.From),
		Decorator: decorator(b.in.Config, HostPort(s.Host, b.in.Port.Number)+"/*"),
	}
	if b.in.Proxy != mesh.Proxyless {
		r.RequestHeadersToRemove = b.targets().private(s.Host)
	}
	action := &routev3.RouteAction{
		ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: ClusterName(s.Host, b.in.Port.Number, "")},
		HashPolicy:       b.hashPolicy(s.Host, b.in.Port.Number, ""),
	}
	b.timeouts(action, nil)
	action.RetryPolicy = b.retryPolicy(nil, "")
	b.ownName(action)
	r.Action = &routev3.Route_Route{Route: action}
	return r
}
