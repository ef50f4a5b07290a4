package mesh

import "github.com/meshctl/meshctl/pkg/config"

// ProxyType is the role of a proxy.
type ProxyType uint8

const (
	// Sidecar stands next to one workload.
	Sidecar ProxyType = iota
	// Router is a gateway: it serves the Gateway objects that select it.
	Router
	// Proxyless is gRPC's own xDS client (node metadata GENERATOR=grpc).
	Proxyless
)

// Mode is how traffic gets into a sidecar.
type Mode uint8

const (
	// Redirected means that the kernel sends all traffic of the pod to 15001 (outbound) and 15006 (inbound).
	Redirected Mode = iota
	// Explicit means that programs address local listeners: an HTTP proxy and one port per service (Istio's INTERCEPTION_MODE NONE).
	Explicit
)

// Proxy is what the control plane knows of one connected proxy. It is a value: nothing in it changes while it is in use.
type Proxy struct {
	ID             string // node id: "sidecar~IP~NAME.NAMESPACE~DOMAIN"
	Type           ProxyType
	Mode           Mode
	Name           string
	Namespace      string
	ServiceAccount string
	Labels         map[string]string
	// Addresses are the workload's IPs (node id and INSTANCE_IPS).
	Addresses []string
	Locality  string
	Network   string
	// Bindings are the local ports of an Explicit proxy and of a standalone gateway, by name: "inbound|9080" (target
	// port number), "http_proxy", "outbound|9080|reviews.default.svc.cluster.local", "gateway|80". A listener without a
	// binding does not exist yet.
	Bindings map[string]uint32
	// AppPorts maps a target port number to the port on loopback where the program of an Explicit proxy really listens.
	AppPorts map[uint32]uint32
	// Trusted: the proxy proved its identity with a certificate; only then it is given secrets.
	Trusted bool
	// Metadata is the proxy's node metadata as far as it is text: EnvoyFilters match by it.
	Metadata map[string]string
	// Config is the proxy's own ProxyConfig as the proxy.istio.io/config annotation gives it (YAML), empty when none.
	Config string
}

// ScopeKey is everything that can make two proxies' shared configuration (clusters, endpoints, routes, outbound
// listeners) differ. Proxies with equal keys share one Scope and every resource in it.
type ScopeKey struct {
	Type      ProxyType
	Mode      Mode
	Namespace string
	// Sidecar is the Sidecar object in force; zero when none is.
	Sidecar config.Key
	// Matched is the digest of the sorted list of label-dependent objects that match the proxy: VirtualServices with sourceLabels,
	// DestinationRules, EnvoyFilters and Telemetry with selectors, Gateways (for a Router).
	Matched config.Digest
	// DNS says which queries the proxies answer.
	DNS DNSProxy
}

// Aspect is a bitmask of what changed about a host.
type Aspect uint8

const (
	// Endpoints is the list of endpoints and nothing else.
	Endpoints Aspect = 1 << iota
	// Clusters is anything else that clusters depend on (ports, DestinationRule, identities of the endpoints, DNS endpoints).
	Clusters
	// Routes are virtual hosts and routes.
	Routes
	// Listeners are outbound listeners.
	Listeners
)

// Change says what differs between two snapshots, derived from digests of resolved inputs.
type Change struct {
	// Full: everything may differ (first build, mesh configuration).
	Full bool
	// Hosts are the services concerned, in every scope that can see them before or after.
	Hosts map[string]Aspect
	// Scopes whose own rules changed (Sidecar, Gateway, label-dependent objects appearing or going): rebuild these.
	Scopes map[ScopeKey]bool
	// Sidecars are Sidecar objects whose content changed: scopes whose Key.Sidecar is one of them are to be resolved again.
	Sidecars map[config.Key]bool
	// Rekey names namespaces whose proxies may have another ScopeKey now (a Sidecar or a label-dependent object came, went or
	// selects differently); "" means all. Ask for ScopeKey again.
	Rekey map[string]bool
	// Workloads are single workloads, as "NAMESPACE/NAME" and "NAMESPACE/ADDRESS", whose own listeners may differ.
	Workloads map[string]bool
	// Inbound names namespaces whose workloads' own listeners may differ (PeerAuthentication, Services selecting them,
	// WorkloadEntries); "" means all.
	Inbound map[string]bool
	// Gateways: resources of routers may differ (Gateway, VirtualService bound to a gateway, Secret of a gateway).
	Gateways bool
	// Secrets are the names of the gateway credentials that changed.
	Secrets []config.Key
}

// Empty reports whether nothing that a proxy could see changed.
func (c Change) Empty() bool {
	return !c.Full && len(c.Hosts) == 0 && len(c.Scopes) == 0 && len(c.Sidecars) == 0 && len(c.Rekey) == 0 &&
		len(c.Workloads) == 0 && len(c.Inbound) == 0 && !c.Gateways && len(c.Secrets) == 0
}

// EndpointsOnly reports whether nothing but lists of endpoints changed.
func (c Change) EndpointsOnly() bool {
	for _, aspect := range c.Hosts {
		if aspect != Endpoints {
			return false
		}
	}
	c.Hosts = nil
	return c.Empty()
}

// Rebuilds reports whether a scope's own rules may have changed, so that more than c.Hosts may differ in it.
func (c Change) Rebuilds(k ScopeKey) bool {
	return c.Full || c.Scopes[k] || c.Sidecars[k.Sidecar] || c.Gateways && k.Type == Router
}

// Rekeys reports whether a proxy may belong to another scope now.
func (c Change) Rekeys(p Proxy) bool { return c.Full || c.Rekey[""] || c.Rekey[p.Namespace] }

// Reaches reports whether the inbound side of a proxy (see Snapshot.Workload) may have changed.
func (c Change) Reaches(p Proxy) bool {
	if c.Full || c.Inbound[""] || c.Inbound[p.Namespace] {
		return true
	}
	if len(c.Workloads) == 0 {
		return false
	}
	if c.Workloads[p.Namespace+"/"+p.Name] {
		return true
	}
	for _, a := range p.Addresses {
		if c.Workloads[p.Namespace+"/"+a] {
			return true
		}
	}
	return false
}
