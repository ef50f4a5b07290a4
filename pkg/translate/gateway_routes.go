package translate

import (
	"cmp"
	"slices"
	"strings"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/mesh"
)

// GatewayRoute is one route configuration of a gateway with the inputs of its virtual hosts. Where none has the domain "*",
// CatchAll(CatchAllInput{Gateway: true}) is the last.
type GatewayRoute struct {
	Config RouteConfigInput
	Hosts  []VirtualHostInput
}

// GatewayRoutes lists the route configurations of a gateway, sorted by name: one for all plaintext servers of a port, where
// VirtualServices for one host are merged, and one for each HTTPS server.
func GatewayRoutes(in GatewayInput) []GatewayRoute {
	notes := &problems{} // the same as those of the listeners, which report them
	var out []GatewayRoute
	for _, p := range gatewayPorts(in, notes) {
		if p.kind == plainHTTP {
			out = append(out, gatewayRoute(GatewayHTTPRoute(p.target, p.bind), p.servers, in))
			continue
		}
		for _, s := range p.servers {
			if protocolOf(s) == "HTTPS" && terminates(s) && len(p.secure(s, in, notes)) > 0 {
				out = append(out, gatewayRoute(httpsRoute(s, p), []*mesh.GatewayServer{s}, in))
			}
		}
	}
	slices.SortFunc(out, func(a, b GatewayRoute) int { return cmp.Compare(a.Config.Name, b.Config.Name) })
	return slices.CompactFunc(out, func(a, b GatewayRoute) bool { return a.Config.Name == b.Config.Name })
}

func terminates(s *mesh.GatewayServer) bool {
	mode := s.Server.GetTls().GetMode()
	return mode != networking.ServerTLSSettings_PASSTHROUGH && mode != networking.ServerTLSSettings_AUTO_PASSTHROUGH
}

// gatewayHost collects what holds for one host on one port.
type gatewayHost struct {
	host     string
	virtual  []*mesh.VirtualService
	redirect bool
	number   uint32 // of the server's port
}

// gatewayRoute merges the hosts of several servers.
func gatewayRoute(name string, servers []*mesh.GatewayServer, in GatewayInput) GatewayRoute {
	var hosts []*gatewayHost
	get := func(host string, s *mesh.GatewayServer) *gatewayHost {
		i := slices.IndexFunc(hosts, func(h *gatewayHost) bool { return h.host == host })
		if i < 0 {
			hosts = append(hosts, &gatewayHost{host: host, number: s.Server.GetPort().GetNumber()})
			i = len(hosts) - 1
		}
		hosts[i].redirect = hosts[i].redirect || s.Server.GetTls().GetHttpsRedirect()
		return hosts[i]
	}
	for _, s := range servers {
		if s.Server.GetTls().GetHttpsRedirect() { // also for hosts without a VirtualService
			for _, h := range s.Hosts {
				get(h.Host, s)
			}
		}
		for _, vs := range s.Virtual {
			for _, host := range boundHosts(s, vs) {
				h := get(host, s)
				if !slices.Contains(h.virtual, vs) {
					h.virtual = append(h.virtual, vs)
				}
			}
		}
	}
	slices.SortFunc(hosts, func(a, b *gatewayHost) int { return strings.Compare(a.host, b.host) })
	out := GatewayRoute{Config: RouteConfigInput{Name: name, IgnorePort: true, Proxy: mesh.Router}}
	for _, h := range hosts {
		out.Hosts = append(out.Hosts, VirtualHostInput{
			Config: in.Config, Proxy: mesh.Router, Name: HostPort(h.host, h.number), Domains: []string{h.host},
			Port: mesh.Port{Number: h.number, Protocol: mesh.HTTP}, Virtual: h.virtual,
			Destinations: Destinations(h.virtual, nil, in.Lookup), RedirectToTLS: h.redirect,
		})
	}
	return out
}

// boundHosts lists the hosts of a VirtualService that a server serves: of two names that meet, the narrower one.
func boundHosts(s *mesh.GatewayServer, vs *mesh.VirtualService) []string {
	var out []string
	for _, h := range s.Hosts {
		if h.Namespace != "" && h.Namespace != vs.Object.Key.Namespace {
			continue
		}
		for _, host := range vs.Spec.GetHosts() {
			if m, ok := meet(strings.ToLower(host), h.Host); ok && !slices.Contains(out, m) {
				out = append(out, m)
			}
		}
	}
	return out
}

// meet returns the narrower of two names of which one covers the other.
func meet(a, b string) (string, bool) {
	switch {
	case a == b || b == "*" || strings.HasPrefix(b, "*.") && strings.HasSuffix(a, b[1:]):
		return a, true
	case a == "*" || strings.HasPrefix(a, "*.") && strings.HasSuffix(b, a[1:]):
		return b, true
	}
	return "", false
}
