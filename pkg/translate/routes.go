package translate

import (
	"slices"

	"github.com/meshctl/meshctl/pkg/mesh"
)

// Routed is a virtual host and the name of the route configuration that it belongs to.
type Routed struct {
	Route string
	Host  VirtualHostInput
}

// ServiceRoutesInput is what the virtual hosts of one service depend on.
type ServiceRoutesInput struct {
	Config *mesh.Config
	Proxy  mesh.ProxyType
	Mode   mesh.Mode
	// Namespace of the clients.
	Namespace string
	Service   *mesh.ScopedService
	// Egress are the listeners that the clients' Sidecar asks for.
	Egress []mesh.EgressListener
	// Lookup returns the service that a host is in the scope, nil when there is none.
	Lookup func(host string) *mesh.ScopedService
}

// ServiceRoutes lists the virtual hosts of a service for sidecars and for gRPC: one for each port in each route configuration in
// which clients can ask for it.
func ServiceRoutes(in ServiceRoutesInput) []Routed {
	var out []Routed
	destinations := Destinations(routing(in.Service.Virtual), in.Service, in.Lookup)
	for _, port := range in.Service.Ports {
		if port.Protocol == mesh.UDP {
			continue
		}
		host := VirtualHostInput{
			Config: in.Config, Proxy: in.Proxy, Mode: in.Mode, Name: HostPort(in.Service.Host, port.Number), Service: in.Service.Service, Port: port,
			Virtual: routing(in.Service.Virtual), Destinations: destinations,
		}
		domains := DomainsInput{Host: in.Service.Host, Service: in.Service.Service, Port: port.Number, Namespace: in.Namespace, DomainSuffix: in.Config.DomainSuffix}
		switch {
		case in.Proxy == mesh.Proxyless:
			out = append(out, alone(host))
		case in.Mode == mesh.Explicit:
			domains.Ports = PortRequired
			host.Domains, host.Tunnel = Domains(domains), in.tunnels(port)
			out = append(out, Routed{Route: HTTPProxy, Host: host})
			if speaksHTTP(port.Protocol) && !wildcard(in.Service.Host) {
				own := host
				own.RewriteHost = true
				out = append(out, alone(own))
			}
		case speaksHTTP(port.Protocol):
			host.Domains = Domains(domains)
			vips, _ := addresses(in.Service.Service)
			route := number(port.Number)
			if port.Protocol == mesh.Auto && len(vips) > 0 { // it has a listener of its own
				route = host.Name
			}
			out = append(out, Routed{Route: route, Host: host})
		}
		out = in.egressRoutes(out, host, domains)
	}
	return out
}

// alone is the only virtual host of a service's own route configuration: whatever name a client uses, it means the service.
func alone(host VirtualHostInput) Routed {
	host.Domains = []string{"*"}
	return Routed{Route: host.Name, Host: host}
}

// HostRoutesInput is what the virtual host of a host depends on that is no service but is routed by VirtualServices.
type HostRoutesInput struct {
	Config *mesh.Config
	Mode   mesh.Mode
	Host   *mesh.ScopedHost
	Lookup func(host string) *mesh.ScopedService
}

// HostRoutes lists the virtual hosts of such a host: sidecars serve it on port 80.
func HostRoutes(in HostRoutesInput) []Routed {
	host := VirtualHostInput{
		Config: in.Config, Mode: in.Mode, Name: HostPort(in.Host.Host, hostPort), Port: mesh.Port{Number: hostPort, Protocol: mesh.HTTP},
		Virtual: routing(in.Host.Virtual), Destinations: Destinations(routing(in.Host.Virtual), nil, in.Lookup),
	}
	domains := DomainsInput{Host: in.Host.Host, Port: hostPort}
	route := number(hostPort)
	if in.Mode == mesh.Explicit {
		route, domains.Ports = HTTPProxy, PortRequired
	}
	host.Domains = Domains(domains)
	return []Routed{{Route: route, Host: host}}
}

// RouteSettingsInput is what a sidecar's route configuration depends on apart from its virtual hosts.
type RouteSettingsInput struct {
	Name     string
	Proxy    mesh.ProxyType
	Mode     mesh.Mode
	AllowAny bool
	// EgressProxy is the cluster for what is unknown then, see EgressCluster.
	EgressProxy string
}

// RouteSettings returns the inputs for a route configuration by its name and for its last virtual host. closed says that the latter must
// be left out; it must be as well when another virtual host has the domain "*".
func RouteSettings(in RouteSettingsInput) (settings RouteConfigInput, last CatchAllInput, closed bool) {
	shared := in.Name == HTTPProxy
	settings = RouteConfigInput{Name: in.Name, Proxy: in.Proxy, IgnorePort: in.Mode == mesh.Redirected && in.Proxy == mesh.Sidecar}
	last = CatchAllInput{Mode: in.Mode, AllowAny: in.AllowAny, EgressProxy: in.EgressProxy}
	return settings, last, in.Proxy == mesh.Proxyless || in.Mode == mesh.Explicit && !shared && !egressRouteNamed(in.Name)
}

// routing is what counts of the VirtualServices at a sidecar.
func routing(list []*mesh.VirtualService) []*mesh.VirtualService {
	for i, vs := range list {
		if len(vs.Spec.GetHttp()) > 0 && vs.Precise() { // all such count, see routeBuilder.precise
			return slices.DeleteFunc(slices.Clone(list[i:]), func(v *mesh.VirtualService) bool { return !v.Precise() || len(v.Spec.GetHttp()) == 0 })
		}
		if len(vs.Spec.GetHttp()) > 0 {
			return list[i : i+1]
		}
	}
	return nil
}
