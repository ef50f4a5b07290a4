package mesh

import (
	"slices"

	"github.com/meshctl/meshctl/internal/digest"
	"github.com/meshctl/meshctl/pkg/config"
)

// backends are the endpoints of a service, by port.
type backends struct {
	ports []portBackends
}

type portBackends struct {
	number uint32
	set    *EndpointSet
}

func (b *backends) of(port uint32) *EndpointSet {
	if b == nil {
		return nil
	}
	for _, p := range b.ports {
		if p.number == port {
			return p.set
		}
	}
	return nil
}

// nothing is the set of a service without endpoints; every such service has the same digest.
func noEndpoints() *EndpointSet { return &EndpointSet{Digest: digest.Of([]Endpoint{})} }

// applyBackends resolves the endpoints of every stale service.
func (t *update) applyBackends() {
	for h := range t.staleBackends {
		svc := t.serviceAt(h)
		before := t.backends.get(h)
		if svc == nil {
			t.backends.delete(h)
			continue
		}
		after, aspect := t.resolveBackends(h, svc, before)
		if aspect == 0 && before != nil {
			continue
		}
		t.backends.set(h, after)
		if aspect != 0 {
			t.mark(h.host, aspect)
		}
	}
}

// serviceAt returns the service of a host in a namespace.
func (t *tables) serviceAt(h hostKey) *Service {
	for _, s := range t.services.get(h.host) {
		if s.Namespace == h.namespace {
			return s
		}
	}
	return nil
}

// resolveBackends resolves the endpoints of a service, keeping the sets that did not change, and says what differs.
func (t *update) resolveBackends(h hostKey, svc *Service, before *backends) (*backends, Aspect) {
	after := &backends{ports: make([]portBackends, len(svc.Ports))}
	var aspect Aspect
	for i, port := range svc.Ports {
		set := newEndpointSet(t.endpoints(h, port))
		old := before.of(port.Number)
		switch {
		case old == nil:
			aspect |= Endpoints | Clusters
		case old.Digest == set.Digest:
			set = old
		default:
			aspect |= endpointAspect(svc, old, set)
		}
		after.ports[i] = portBackends{port.Number, set}
	}
	if before != nil && len(before.ports) != len(after.ports) {
		aspect |= Endpoints | Clusters
	}
	return after, aspect
}

// endpointAspect says what else hangs on a changed list of endpoints.
func endpointAspect(svc *Service, before, after *EndpointSet) Aspect {
	aspect := Endpoints
	if svc.Resolution == DNS || svc.Resolution == DNSRoundRobin || !slices.Equal(before.Identities, after.Identities) ||
		offersTLS(before) != offersTLS(after) || before.MutualTLS() != after.MutualTLS() {
		aspect |= Clusters
	}
	if svc.Headless {
		aspect |= Clusters | Routes | Listeners // each address is a listener and a name of its own
	}
	return aspect
}

// offersTLS reports whether any endpoint takes mutual TLS, by which clusters choose their transport.
func offersTLS(s *EndpointSet) bool {
	return slices.ContainsFunc(s.Endpoints, func(e Endpoint) bool { return e.MutualTLS })
}

// newEndpointSet makes a set of endpoints; what stands twice is taken once.
func newEndpointSet(list []Endpoint) *EndpointSet {
	type place struct {
		address string
		port    uint32
		network string
	}
	seen := make(map[place]bool, len(list))
	set := &EndpointSet{Endpoints: make([]Endpoint, 0, len(list))}
	for _, e := range list {
		at := place{e.Address, e.Port, e.Network}
		if seen[at] {
			continue
		}
		seen[at] = true
		set.Endpoints = append(set.Endpoints, e)
		if e.Identity != "" {
			set.Identities = append(set.Identities, e.Identity)
		}
	}
	slices.Sort(set.Identities)
	set.Identities = slices.Compact(set.Identities)
	set.Digest = digest.Of(set.Endpoints)
	return set
}

// endpoints lists where a port of a service is served, from everything that declares the port.
func (t *update) endpoints(h hostKey, port Port) []Endpoint {
	var out []Endpoint
	for _, d := range t.declared.get(h) {
		svc := d.service(h.host)
		if p := svc.PortNumber(port.Number); p != nil {
			out = append(out, t.definitionEndpoints(d, svc, *p)...)
		}
	}
	for i := range out {
		out[i].Cluster = t.options.ClusterID
	}
	return out
}

func (t *update) definitionEndpoints(d *definition, svc *Service, port Port) []Endpoint {
	if d.key().Kind == config.Service {
		return t.kubernetesEndpoints(d, svc, port)
	}
	if svc.Resolution == Passthrough || svc.Resolution == DynamicDNS {
		return nil
	}
	out := instanceEndpoints(nil, svc, d.Inline, port, false)
	if d.Selector != nil {
		return instanceEndpoints(out, svc, t.members.get(d.key()), port, false)
	}
	if len(d.Inline) == 0 && svc.Resolution != Static {
		out = append(out, namedEndpoint(svc.Host, port, d.key()))
	}
	return out
}

// namedEndpoint is the one endpoint of a service that DNS resolves as a whole.
func namedEndpoint(name string, port Port, from config.Key) Endpoint {
	number := port.TargetPort
	if number == 0 {
		number = port.Number
	}
	return Endpoint{Address: name, Port: number, Healthy: true, Weight: 1, Workload: from}
}

// kubernetesEndpoints: EndpointSlices say where a Service is served. Without any (files hold none) the Pods that the
// selector matches are taken. WorkloadEntries that the selector matches count in any case.
func (t *update) kubernetesEndpoints(d *definition, svc *Service, port Port) []Endpoint {
	if d.External != "" {
		return []Endpoint{namedEndpoint(d.External, port, d.key())}
	}
	var out []Endpoint
	members := t.members.get(d.key())
	if list := t.slices.get(nsName{svc.Namespace, svc.Name}); len(list) > 0 {
		for _, o := range list {
			out = append(out, t.sliceEndpoints(d, o, port)...)
		}
		members = without(members, func(i *instance) bool { return i.Key.Kind == config.Pod })
	}
	return instanceEndpoints(out, svc, members, port, d.NotReady)
}

// instanceEndpoints appends the endpoints of workloads for a service port.
func instanceEndpoints(out []Endpoint, svc *Service, list []*instance, port Port, notReady bool) []Endpoint {
	for _, i := range list {
		if (i.Ready || notReady) && (svc.Resolution.byName() || !i.named()) {
			if number := i.port(port); number != 0 || isUnix(i.Addresses[0]) {
				out = append(out, i.endpoint(i.Addresses[0], number))
			}
		}
	}
	return out
}

// byName reports whether endpoints may be names, which Envoy then looks up. One name among the addresses of any other service
// would make Envoy refuse all of its endpoints.
func (r Resolution) byName() bool { return r == DNS || r == DNSRoundRobin }

// named reports whether the workload is reached by a name.
func (i *instance) named() bool { return !isIP(i.Addresses[0]) && !isUnix(i.Addresses[0]) }

// endpoint returns the workload as it is reached at a port.
func (i *instance) endpoint(address string, port uint32) Endpoint {
	return Endpoint{
		Address: address, Port: port, Labels: i.Labels, Identity: i.Identity,
		MutualTLS: i.TLS && i.Authn.ModeOf(i.behind(port)) != Disabled,
		Healthy:   i.Healthy, Weight: i.Weight, Network: i.Network, Locality: i.Locality, Node: i.Node, Workload: i.Key,
	}
}
