package translate

import (
	"cmp"
	"slices"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
)

const loopback = "127.0.0.1"

// explicitListeners are an HTTP proxy for programs that know one, and one local port for each service that others address. What
// has no local port yet has no listener yet.
func explicitListeners(in OutboundInput) ([]ListenerInput, []config.Problem) {
	p := newOutboundPlan(in)
	var out []ListenerInput
	if port := in.Bindings[HTTPProxy]; port != 0 {
		out = append(out, ListenerInput{
			Config: in.Config, Policies: in.Policies, Name: HTTPProxy, Address: loopback, Port: port, Route: HTTPProxy, Connect: true, ForwardProxy: true,
		})
	}
	out = append(out, p.egressListeners(true)...)
	for _, s := range in.Services {
		for _, port := range s.Ports {
			binding := OutboundBinding(s.Host, port.Number)
			local := in.Bindings[binding]
			if local == 0 || port.Protocol == mesh.UDP {
				continue
			}
			l := ListenerInput{
				Config: in.Config, Policies: in.Policies, Name: binding, Address: loopback, Port: local, ServicePort: port.Number, From: []config.Key{s.From},
			}
			if speaksHTTP(port.Protocol) {
				l.Route, l.Detect, l.ForwardProxy = HostPort(s.Host, port.Number), port.Protocol == mesh.Auto, forwarded(s.Service)
				l.GRPCWeb = port.Protocol == mesh.GRPCWeb
			}
			if port.Protocol == mesh.Auto || !speaksHTTP(port.Protocol) {
				l.Chains, l.Fallback = p.chains(s, port)
				l.Chains = distinct(l.Chains)
			}
			out = append(out, l)
		}
	}
	slices.SortFunc(out, func(a, b ListenerInput) int { return cmp.Compare(a.Name, b.Name) })
	return out, append(configProblems(in.Config), p.notes.list...)
}

// forwarded reports whether the service's clusters resolve the host of each request.
func forwarded(s *mesh.Service) bool {
	return s.Resolution == mesh.DynamicDNS || s.Resolution == mesh.Passthrough && wildcard(s.Host) && s.Name == ""
}
