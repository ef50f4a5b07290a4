package translate

import (
	"strings"

	"github.com/meshctl/meshctl/pkg/mesh"
)

// EgressCluster is the cluster to which a Sidecar sends traffic for unknown hosts; empty where it goes where it was going.
func EgressCluster(p mesh.EgressProxy) string {
	if p.Host == "" || p.Port == 0 {
		return ""
	}
	return ClusterName(p.Host, p.Port, p.Subset)
}

// egressRoute is the name of the routes of a Sidecar's egress listener: redirected proxies have one for each port anyhow.
func egressRoute(e mesh.EgressListener) string { return number(e.Port) }

// egressListener is a listener that a Sidecar asks for; false while it has nothing to serve, or no local port. TCP goes to
// the first service of the port.
func (p *outboundPlan) egressListener(e mesh.EgressListener, explicit bool) (ListenerInput, bool) {
	l := ListenerInput{
		Config: p.in.Config, Policies: p.in.Policies, Name: e.Bind + "_" + number(e.Port), Address: e.Bind, Port: e.Port, ServicePort: e.Port, Redirected: !e.Own,
		AnyAddress: e.Own && !e.Unix() && !explicit,
	}
	switch {
	case e.Unix():
		l.Name = e.Bind
	case explicit:
		l.Name, l.Port, l.Redirected = e.Binding(), p.in.Bindings[e.Binding()], false
		l.Address = loopback
		if l.Port == 0 {
			return l, false
		}
	}
	if e.Port == 0 && speaksHTTP(e.Protocol) { // a Unix socket
		l.Route, l.ForwardProxy = number(hostPort), explicit
		if explicit {
			l.Route = HTTPProxy
		}
		return l, explicit || p.listeners[anyAddress+"_"+l.Route] != nil && p.listeners[anyAddress+"_"+l.Route].Route != ""
	}
	for _, s := range p.in.Services {
		for _, port := range s.Ports {
			switch {
			case port.Number != e.Port && e.Port != 0 || port.Protocol == mesh.UDP:
			case speaksHTTP(e.Protocol):
				if speaksHTTP(port.Protocol) {
					l.Route = egressRoute(e)
					l.ForwardProxy = l.ForwardProxy || forwarded(s.Service)
				}
			case len(l.Fallback.Clusters) == 0:
				l.Chains, l.Fallback = p.chains(s, port)
				l.Chains, l.From = distinct(l.Chains), append(l.From, s.From)
			}
		}
	}
	return l, l.Route != "" || len(l.Fallback.Clusters) > 0
}

// egressListeners are all that the Sidecar asks for, each name once.
func (p *outboundPlan) egressListeners(explicit bool) []ListenerInput {
	var out []ListenerInput
	seen := map[string]bool{}
	for _, e := range p.in.Egress {
		if l, ok := p.egressListener(e, explicit); ok && !seen[l.Name] {
			seen[l.Name] = true
			out = append(out, l)
		}
	}
	return out
}

// egressRoutes appends the virtual host of a service to the routes of the egress listeners on its port.
func (in ServiceRoutesInput) egressRoutes(out []Routed, host VirtualHostInput, domains DomainsInput) []Routed {
	for _, e := range in.Egress {
		route := egressRoute(e)
		if e.Port != host.Port.Number || !speaksHTTP(e.Protocol) || !speaksHTTP(host.Port.Protocol) {
			continue
		}
		for _, r := range out {
			if r.Route == route && r.Host.Name == host.Name {
				return out
			}
		}
		if in.Mode == mesh.Explicit {
			domains.Ports = PortOptional
		}
		host.Domains = Domains(domains)
		return append(out, Routed{Route: route, Host: host})
	}
	return out
}

// egressRouteNamed reports whether the routes of a name are those of an egress listener: only their names are plain numbers.
func egressRouteNamed(name string) bool { return name != "" && strings.Trim(name, "0123456789") == "" }
