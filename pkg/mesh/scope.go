package mesh

import (
	"slices"

	"github.com/meshctl/meshctl/pkg/config"
)

// Scope is the mesh as a set of like proxies sees it. It is immutable.
type Scope struct {
	Key    ScopeKey
	Config *Config
	// Services that the proxies may address, by host; at most one entry per host (Istio: the client's own namespace
	// first, then the oldest).
	Services []*ScopedService
	// Hosts are routed by VirtualServices without being services of the scope, by host. Istio serves them on port 80.
	Hosts []*ScopedHost
	// AllowAny: traffic to unknown hosts passes (outboundTrafficPolicy ALLOW_ANY); otherwise it is refused.
	AllowAny bool
	// EgressProxy takes that traffic instead, unless it is zero.
	EgressProxy EgressProxy
	// Egress are the listeners of the Sidecar that programs address themselves.
	Egress []EgressListener
	// Sidecar is the object in force, nil when none is.
	Sidecar *config.Object
	// Servers of the Gateways that select a Router, in the order in which Istio merges them; nil for sidecars.
	Servers []*GatewayServer
	// What holds for the scope's proxies, see Attached; the key covers the content.
	EnvoyFilters, Telemetries, WasmPlugins, TrafficExtensions Attached
}

// ScopedService is a service with the rules that hold for it in one scope.
type ScopedService struct {
	*Service
	// Ports that the scope may use: Service.Ports, or fewer where a Sidecar egress names a port.
	Ports []Port
	// Rule is the DestinationRule in force, nil when there is none.
	Rule *DestinationRule
	// Virtual are the VirtualServices whose hosts cover this service on the mesh gateway and that the scope's proxies see, most
	// specific host first, then oldest; HTTP routes of the first apply (Istio merges VirtualServices on gateways only).
	Virtual []*VirtualService
	// Digest covers all of the above.
	Digest config.Digest
}

// ScopedHost is a host that VirtualServices on the mesh gateway route although no service of the scope has it.
type ScopedHost struct {
	Host    string
	Virtual []*VirtualService
	Digest  config.Digest
}

// Service returns the service of a host, nil when the scope does not see one.
func (s *Scope) Service(host string) *ScopedService { return find(s.Services, host) }

// Host returns the host that VirtualServices route without there being a service, nil when there is none.
func (s *Scope) Host(host string) *ScopedHost { return find(s.Hosts, host) }

// Scope resolves the scope of a key; p is any of its proxies. It visits every service: keep the result, and use Rescope when the
// snapshot changes.
func (s *Snapshot) Scope(k ScopeKey, p Proxy) *Scope {
	return s.resolver(k, p).all(nil)
}

// Rescope returns the scope after a change, for one of its proxies whose ScopeKey is still old.Key. Whatever did not change keeps
// its pointer; old itself is returned when nothing did. It resolves the hosts of the change only, or everything when
// c.Rebuilds(old.Key).
func (s *Snapshot) Rescope(old *Scope, p Proxy, c Change) *Scope {
	r := s.resolver(old.Key, p)
	var next *Scope
	if c.Rebuilds(old.Key) {
		next = r.all(old)
	} else {
		next = r.some(old, c)
	}
	if next.Config = kept(old.Config, next.Config); next.Config == old.Config && next.AllowAny == old.AllowAny && next.EgressProxy == old.EgressProxy && next.Sidecar == old.Sidecar &&
		slices.Equal(next.Egress, old.Egress) &&
		slices.Equal(next.Services, old.Services) && slices.Equal(next.Hosts, old.Hosts) && slices.Equal(next.Servers, old.Servers) {
		return old
	}
	return next
}

// some resolves the hosts of a change again.
func (r *resolver) some(old *Scope, c Change) *Scope {
	services, hosts := map[string]*ScopedService{}, map[string]*ScopedHost{}
	for host, aspect := range c.Hosts {
		if aspect != Endpoints { // endpoints are no part of a scope
			services[host] = r.service(host)
		}
	}
	next := *old
	next.Services = patch(old.Services, services)
	for host := range services {
		hosts[host] = r.host(host, next.Services)
	}
	next.Hosts = patch(old.Hosts, hosts)
	next.EgressProxy = r.egressProxy(next.Services)
	return &next
}
