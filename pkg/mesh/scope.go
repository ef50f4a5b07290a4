package mesh

import "github.com/meshctl/meshctl/pkg/config"

// Scope is the mesh as a set of like proxies sees it. It is immutable.
type Scope struct {
	Key    ScopeKey
	Config *Config
	// Services that the proxies may address, by host; at most one entry per host (Istio: the client's own namespace
	// first, then the oldest).
	Services []*ScopedService
	// AllowAny: traffic to unknown hosts passes (outboundTrafficPolicy ALLOW_ANY); otherwise it is refused.
	AllowAny bool
	// Sidecar is the object in force, nil when none is.
	Sidecar *config.Object
	// Servers of the Gateways that select a Router, in the order in which Istio merges them; nil for sidecars.
	Servers []*GatewayServer
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
}
