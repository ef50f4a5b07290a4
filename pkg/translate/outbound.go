package translate

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// OutboundInput is what the outbound listeners of a scope's sidecars depend on. The content of HTTP routes is not among it.
type OutboundInput struct {
	Config   *mesh.Config
	Mode     mesh.Mode
	Services []*mesh.ScopedService
	// Hosts that VirtualServices route without their being services.
	Hosts    []*mesh.ScopedHost
	AllowAny bool
	// EgressProxy is the cluster for what is unknown then, see EgressCluster.
	EgressProxy string
	// Egress are the listeners that the Sidecar asks for.
	Egress   []mesh.EgressListener
	Policies Policies
	// Bindings are the local ports of an explicit proxy, see mesh.Proxy.
	Bindings map[string]uint32
	// Endpoints returns where a port of a service is served: connections to headless services are known by these addresses.
	Endpoints func(*mesh.Service, mesh.Port) *mesh.EndpointSet
}

const (
	outboundPort = 15001
	anyAddress   = "0.0.0.0"
	hostPort     = 80 // at which hosts are served that are no services
)

// OutboundListeners says which outbound listeners there are, sorted by name. Each result depends on no more than it must, so that
// a change to one service leaves the listeners of the others alone.
func OutboundListeners(in OutboundInput) ([]ListenerInput, []config.Problem) {
	if in.Mode == mesh.Explicit {
		return explicitListeners(in)
	}
	p := newOutboundPlan(in)
	services := slices.Clone(in.Services)
	slices.SortStableFunc(services, func(a, b *mesh.ScopedService) int { // the oldest wins a conflict
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.Host, b.Host))
	})
	for _, s := range services {
		for _, port := range s.Ports {
			p.notes.object = s.From
			p.port(s, port)
		}
	}
	if l := p.listener(anyAddress, hostPort); len(in.Hosts) > 0 && len(l.Fallback.Clusters) == 0 {
		l.Route = number(hostPort)
	}
	out := append([]ListenerInput{virtualOutbound(in)}, p.egressListeners(false)...)
	for _, l := range p.listeners {
		l.Chains = distinct(l.Chains)
		if l.Route != "" || len(l.Chains) > 0 || len(l.Fallback.Clusters) > 0 {
			out = append(out, p.complete(*l))
		}
	}
	slices.SortStableFunc(out, func(a, b ListenerInput) int { return cmp.Compare(a.Name, b.Name) })
	out = slices.CompactFunc(out, func(a, b ListenerInput) bool { return a.Name == b.Name }) // what a Sidecar asks for goes first
	return out, append(configProblems(in.Config), p.notes.list...)
}

// virtualOutbound takes every redirected connection and hands it to the listener for the address that it was going to.
func virtualOutbound(in OutboundInput) ListenerInput {
	return ListenerInput{
		Config: in.Config, Policies: in.Policies, Name: VirtualOutbound, Address: anyAddress, Port: outboundPort, OriginalDestination: true,
		// A connection to the proxy's own port would come back for ever.
		Chains:   []Chain{{Port: outboundPort, Clusters: []WeightedCluster{{Name: BlackHoleCluster, Weight: 100}}, StatPrefix: BlackHoleCluster}},
		Fallback: in.unknownDestination(),
	}
}

// unknownDestination is what becomes of connections to nothing that the mesh knows.
func (in OutboundInput) unknownDestination() Chain {
	name := BlackHoleCluster
	if in.AllowAny {
		name = cmp.Or(in.EgressProxy, PassthroughCluster)
	}
	return Chain{Clusters: []WeightedCluster{{Name: name, Weight: 100}}, StatPrefix: name}
}

// outboundPlan collects listeners by address and port.
type outboundPlan struct {
	in        OutboundInput
	listeners map[string]*ListenerInput
	byHost    map[string]*mesh.ScopedService // made when first needed
	notes     problems
}

func newOutboundPlan(in OutboundInput) *outboundPlan {
	return &outboundPlan{in: in, listeners: map[string]*ListenerInput{}}
}

func (p *outboundPlan) listener(address string, port uint32) *ListenerInput {
	name := address + "_" + number(port)
	l := p.listeners[name]
	if l == nil {
		l = &ListenerInput{Config: p.in.Config, Policies: p.in.Policies, Name: name, Address: address, Port: port, ServicePort: port, Redirected: true}
		p.listeners[name] = l
	}
	return l
}

// port adds one port of one service.
func (p *outboundPlan) port(s *mesh.ScopedService, port mesh.Port) {
	vips, ranges := addresses(s.Service)
	if s.Headless {
		vips, ranges = p.endpointAddresses(s.Service, port)
	}
	switch {
	case port.Protocol == mesh.UDP || !validPort(port.Number):
	case port.Protocol != mesh.Auto && speaksHTTP(port.Protocol):
		p.http(s, port)
	case len(vips) > 0:
		for _, vip := range vips {
			p.virtualIP(s, port, vip)
		}
	case port.Protocol == mesh.Auto:
		p.http(s, port)
	default:
		p.wildcard(s, port, ranges)
	}
}

// http adds the port to the listener that takes HTTP for any address; hosts are the route's business.
func (p *outboundPlan) http(s *mesh.ScopedService, port mesh.Port) {
	l := p.listener(anyAddress, port.Number)
	if l.Route == "" && len(l.Fallback.Clusters) > 0 {
		p.conflict(s, port, "TCP")
		return
	}
	l.Route = number(port.Number)
	l.Detect = l.Detect || port.Protocol == mesh.Auto
	l.GRPCWeb = l.GRPCWeb || port.Protocol == mesh.GRPCWeb
	l.ForwardProxy = l.ForwardProxy || s.Resolution == mesh.DynamicDNS
}

// virtualIP gives a service that is no declared HTTP a listener of its own on its address.
func (p *outboundPlan) virtualIP(s *mesh.ScopedService, port mesh.Port, vip string) {
	if taken := p.listeners[vip+"_"+number(port.Number)]; taken != nil {
		p.notes.warn("spec.ports", "port "+number(port.Number)+" of address "+vip+" already belongs to an older service", "give the services different addresses or ports")
		return
	}
	l := p.listener(vip, port.Number)
	l.From = []config.Key{s.From}
	if port.Protocol == mesh.Auto {
		l.Route, l.Detect = HostPort(s.Host, port.Number), true
		if s.Headless {
			l.Route = number(port.Number)
		}
	}
	l.Chains, l.Fallback = p.chains(s, port)
}

// wildcard adds a TCP or TLS port of a service without an address of its own: TLS is told apart by SNI, TCP takes the whole port.
func (p *outboundPlan) wildcard(s *mesh.ScopedService, port mesh.Port, ranges []string) {
	l := p.listener(anyAddress, port.Number)
	chains, fallback := p.chains(s, port)
	switch {
	case s.Headless && len(ranges) == 0:
	case opaqueTLS(port.Protocol) && !s.Headless:
		if names, any := serverNames([]string{s.Host}); len(chains) == 0 && !any {
			fallback.ServerNames, fallback.Subnets = names, ranges
			chains = []Chain{fallback}
		}
		l.Chains = append(l.Chains, chains...)
	case len(ranges) > 0:
		fallback.Subnets = ranges
		l.Chains = append(append(l.Chains, chains...), fallback)
	case l.Route != "":
		p.conflict(s, port, "HTTP")
	case len(l.Fallback.Clusters) > 0:
		p.conflict(s, port, "TCP")
	default:
		l.Chains = append(l.Chains, chains...)
		l.Fallback = fallback
		l.From = []config.Key{s.From}
	}
}

func (p *outboundPlan) conflict(s *mesh.ScopedService, port mesh.Port, other string) {
	p.notes.warn("spec.ports", "port "+number(port.Number)+" of "+s.Host+" has no address of its own and is already taken by an older service that speaks "+other,
		"give the service an address or another port")
}

// complete says what becomes of connections that a shared listener cannot place.
func (p *outboundPlan) complete(l ListenerInput) ListenerInput {
	if len(l.Fallback.Clusters) == 0 {
		l.Fallback = p.in.unknownDestination()
	}
	return l
}

// chains are the connections' ways to a service: by the TCP or TLS routes of its VirtualServices; fallback is the rest.
func (p *outboundPlan) chains(s *mesh.ScopedService, port mesh.Port) (chains []Chain, fallback Chain) {
	name := ClusterName(s.Host, port.Number, "")
	fallback = Chain{Clusters: []WeightedCluster{{Name: name, Weight: 100}}, StatPrefix: name, Policy: streamPolicy(s.Rule, port.Number, ""), Raw: rawTo(s, port.Number, "")}
	if opaqueTLS(port.Protocol) && s.Resolution == mesh.DynamicDNS {
		fallback.Resolve = port.Number
	}
	for _, vs := range s.Virtual {
		if len(vs.Spec.GetTcp()) == 0 && len(vs.Spec.GetTls()) == 0 {
			continue
		}
		t := targets{known: Destinations([]*mesh.VirtualService{vs}, s, p.lookup), port: port.Number, lookup: p.lookup, lost: p.in.Mode == mesh.Explicit}
		if opaqueTLS(port.Protocol) {
			chains = append(chains, tlsChains(vs, t, &p.notes)...)
			continue
		}
		if routed, ok := tcpChains(vs, t, &p.notes); ok {
			if last := routed[len(routed)-1]; len(last.Subnets) == 0 {
				routed, fallback = routed[:len(routed)-1], last
			}
			return routed, fallback
		}
	}
	return chains, fallback
}

func (p *outboundPlan) lookup(host string) *mesh.ScopedService {
	if p.byHost == nil {
		p.byHost = make(map[string]*mesh.ScopedService, len(p.in.Services))
		for _, s := range p.in.Services {
			p.byHost[s.Host] = s
		}
	}
	return p.byHost[host]
}

// endpointAddresses are those of a headless service, as Istio documents: single ones, which become listeners, where the protocol is to
// be detected, else ranges, which tell connections apart on the listener of the port.
func (p *outboundPlan) endpointAddresses(s *mesh.Service, port mesh.Port) (single, ranges []string) {
	if p.in.Endpoints == nil || port.Protocol.IsHTTP() {
		return nil, nil
	}
	for _, e := range p.in.Endpoints(s, port).Endpoints {
		ip, err := netip.ParseAddr(e.Address)
		switch {
		case err != nil || ip.Zone() != "" || ip.IsUnspecified():
		case port.Protocol == mesh.Auto:
			single = append(single, ip.String())
		default:
			ranges = append(ranges, netip.PrefixFrom(ip, ip.BitLen()).String())
		}
	}
	slices.Sort(single)
	slices.Sort(ranges)
	return slices.Compact(single), slices.Compact(ranges)
}

// addresses splits a service's addresses into single ones and ranges.
func addresses(s *mesh.Service) (single, ranges []string) {
	for _, a := range s.Addresses {
		if ip, err := netip.ParseAddr(a); err == nil {
			if !ip.IsUnspecified() && ip.Zone() == "" {
				single = append(single, ip.String())
			}
		} else if p, ok := subnet(a); ok {
			ranges = append(ranges, p.String())
		}
	}
	return single, ranges
}
