package translate

import (
	"slices"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	extensions "istio.io/api/extensions/v1alpha1"
	telemetry "istio.io/api/telemetry/v1alpha1"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// Policies are the objects that shape the filters of a listener, besides what it serves: see mesh.Attached.
type Policies struct {
	Authz, Wasm, TrafficExtensions mesh.Attached
	Telemetry                      Telemetry
	// JWT are the rules of all RequestAuthentications.
	JWT []JWTRule
	// Providers are those that CUSTOM policies of Authz name.
	Providers []AuthzProvider
}

// Lookup returns the service of a host as a proxy's scope sees it, nil when it sees none.
type Lookup func(host string) *mesh.ScopedService

// WorkloadPolicies are those of the connections to a workload, a gateway's too. What they refer to is looked up.
func WorkloadPolicies(c *mesh.Config, proxy mesh.ProxyType, w *mesh.Workload, lookup Lookup) (Policies, []config.Problem) {
	jwt, problems := jwtRules(w.RequestAuthns, lookup)
	providers, notes := authzProviders(c, w.AuthzPolicies, lookup)
	problems = append(problems, notes...)
	mode := telemetry.WorkloadMode_SERVER
	if proxy == mesh.Router {
		mode = telemetry.WorkloadMode_CLIENT
	}
	records, notes := newTelemetry(c, w.Namespace, w.Telemetries, mode, lookup)
	return Policies{
		Authz: w.AuthzPolicies, JWT: jwt, Providers: providers,
		Telemetry: records, Wasm: w.WasmPlugins, TrafficExtensions: w.TrafficExtensions,
	}, append(problems, notes...)
}

// From are the objects among them that can make Envoy refuse a listener.
func (p Policies) From() []config.Key {
	out := slices.Clone(p.Telemetry.From)
	for _, list := range [...]mesh.Attached{p.Authz, p.Wasm, p.TrafficExtensions} {
		for _, o := range list {
			out = append(out, o.Key)
		}
	}
	for _, j := range p.JWT {
		if !slices.Contains(out, j.From) {
			out = append(out, j.From)
		}
	}
	return out
}

// NeedsServices reports whether WorkloadPolicies of a workload depends on what services there are.
func NeedsServices(c *mesh.Config, w *mesh.Workload) bool {
	return len(c.Mesh.GetExtensionProviders()) > 0 || tracingSettings(c.Mesh.GetDefaultConfig()) != nil ||
		slices.ContainsFunc(w.RequestAuthns, fetchesKeys) || slices.ContainsFunc(w.AuthzPolicies, asksProvider)
}

// ScopePolicies are those of the connections that a scope's programs make. Authorization and authentication are the receiver's.
func ScopePolicies(s *mesh.Scope) (Policies, []config.Problem) {
	records, notes := newTelemetry(s.Config, s.Key.Namespace, s.Telemetries, telemetry.WorkloadMode_CLIENT, s.Service)
	return Policies{Telemetry: records, Wasm: s.WasmPlugins, TrafficExtensions: s.TrafficExtensions}, notes
}

// class is the role of a listener.
type class uint8

const (
	outbound class = iota // a sidecar's, for what its program sends
	inbound               // a sidecar's, for what its program gets
	gateway
)

// traffic is what the filters for some connections depend on.
type traffic struct {
	config   *mesh.Config
	policies Policies
	class    class
	// port that the connections are for: the workload's (target) port, the server's port of a gateway, the service's port of an
	// outbound listener; 0 where a listener takes any.
	port uint32
}

// httpPolicyFilters are the HTTP filters of policies and extensions, in Istio's order: who may call by the word of somebody else, who
// calls, who may call, and then what else looks at requests.
func (t traffic) httpPolicyFilters() []*hcmv3.HttpFilter {
	out := t.externalAuthz()
	out = append(out, t.httpExtensions(extensions.PluginPhase_AUTHN)...)
	out = append(out, t.requestAuthentication()...)
	out = append(out, t.httpExtensions(extensions.PluginPhase_AUTHZ)...)
	out = append(out, t.httpAuthz()...)
	out = append(out, t.httpExtensions(extensions.PluginPhase_STATS)...)
	return append(out, t.httpExtensions(extensions.PluginPhase_UNSPECIFIED_PHASE)...)
}

// tcpFilters are the network filters of a chain that leads to clusters, after those of policies and extensions.
func (t traffic) tcpFilters(c Chain) []*listenerv3.Filter {
	out := t.externalTCPAuthz()
	out = append(out, t.networkExtensions(extensions.PluginPhase_AUTHN)...)
	out = append(out, t.networkExtensions(extensions.PluginPhase_AUTHZ)...)
	out = append(out, t.tcpAuthz()...)
	out = append(out, t.networkExtensions(extensions.PluginPhase_STATS)...)
	out = append(out, t.networkExtensions(extensions.PluginPhase_UNSPECIFIED_PHASE)...)
	if c.Resolve > 0 {
		out = append(out, serverNameLookup(c.Resolve))
	}
	if c.Raw {
		out = append(out, rawConnections())
	}
	return append(out, t.tcpProxy(c))
}
