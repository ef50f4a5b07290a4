package envoyfilter

import (
	"slices"
	"strings"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/proto"
	networking "istio.io/api/networking/v1alpha3"
)

// ConcernsRoute reports whether a patch is for the route configuration of that place, as far as that shows without looking into it.
func (g *Program) ConcernsRoute(at Place) bool {
	return g != nil && slices.ContainsFunc(g.routes, func(p *Patch) bool { return p.concernsRoute(at) })
}

// Route returns a route configuration with the patches of the program. The given one is not changed.
func (g *Program) Route(r *routev3.RouteConfiguration, at Place) Result[*routev3.RouteConfiguration] {
	out := Result[*routev3.RouteConfiguration]{Message: r}
	for _, p := range g.routes {
		if !p.concernsRoute(at) {
			continue
		}
		e := &routeEdit{patch: p, at: at, route: proto.CloneOf(out.Message)}
		e.apply()
		if e.found == 0 {
			out.missed(p, e.miss)
			continue
		}
		if err := checkRoute(e.route, r.GetName()); err != nil {
			out.refused(p, "route configuration "+r.GetName(), err)
			continue
		}
		out.applied(p)
		out.Message = e.route
	}
	return out
}

// concernsRoute leaves the port and the name of a shared route to its virtual hosts.
func (p *Patch) concernsRoute(at Place) bool {
	if !p.in(at.Context) {
		return false
	}
	m := p.match.GetRouteConfiguration()
	if m == nil {
		return true
	}
	if (m.GetPortName() != "" && m.GetPortName() != at.PortName || m.GetGateway() != "" && m.GetGateway() != at.Gateway) && at.Context == Gateway {
		return false
	}
	if at.Shared && p.applyTo != networking.EnvoyFilter_ROUTE_CONFIGURATION {
		return true
	}
	return hasName(at.Names, m.GetName()) && hasPort(at.Ports, m.GetPortNumber())
}

// routeEdit is one patch at work on one route configuration.
type routeEdit struct {
	patch *Patch
	at    Place
	route *routev3.RouteConfiguration
	found int
	miss  Miss
}

func (e *routeEdit) apply() {
	switch e.patch.applyTo {
	case networking.EnvoyFilter_ROUTE_CONFIGURATION:
		merge(e.route, e.patch.value, e.patch.replacesLists())
		e.found = 1
	case networking.EnvoyFilter_VIRTUAL_HOST:
		e.virtualHosts()
	default:
		e.httpRoutes()
	}
}

func (e *routeEdit) virtualHosts() {
	p := e.patch
	if p.operation == networking.EnvoyFilter_Patch_ADD {
		if e.at.Shared && !e.matchesShared(p.value.(*routev3.VirtualHost).GetName()) {
			return
		}
		e.route.VirtualHosts, e.found = append(e.route.VirtualHosts, copyOf[*routev3.VirtualHost](p)), 1
		return
	}
	e.miss = Miss{Depth: 1, What: "virtual host " + quoted(p.vhostName()), Names: namesOf(e.route.GetVirtualHosts())}
	e.route.VirtualHosts = slices.DeleteFunc(e.route.GetVirtualHosts(), func(h *routev3.VirtualHost) bool {
		if !e.matchesHost(h) {
			return false
		}
		e.found++
		switch {
		case p.merges():
			merge(h, p.value, p.replacesLists())
		case p.operation == networking.EnvoyFilter_Patch_REPLACE:
			proto.Reset(h)
			proto.Merge(h, p.value)
		}
		return p.operation == networking.EnvoyFilter_Patch_REMOVE
	})
}

func (p *Patch) vhostName() string {
	m := p.match.GetRouteConfiguration().GetVhost()
	if m.GetName() == "" {
		return m.GetDomainName()
	}
	return m.GetName()
}

func (e *routeEdit) matchesHost(h *routev3.VirtualHost) bool {
	m := e.patch.match.GetRouteConfiguration()
	if e.at.Shared && !e.matchesShared(h.GetName()) {
		return false
	}
	want := m.GetVhost()
	return (want.GetName() == "" || want.GetName() == h.GetName()) &&
		(want.GetDomainName() == "" || slices.Contains(h.GetDomains(), want.GetDomainName()))
}

// matchesShared compares the match with the route that a host of the HTTP proxy would be in where connections are redirected.
func (e *routeEdit) matchesShared(host string) bool {
	m := e.patch.match.GetRouteConfiguration()
	port := host[strings.LastIndexByte(host, ':')+1:]
	return hasName(append([]string{port, host}, e.at.Names...), m.GetName()) && hasPort(numbers(port), m.GetPortNumber())
}

func (e *routeEdit) httpRoutes() {
	p := e.patch
	e.miss = Miss{Depth: 1, What: "virtual host " + quoted(p.vhostName()), Names: namesOf(e.route.GetVirtualHosts())}
	want := p.match.GetRouteConfiguration().GetVhost().GetRoute()
	for _, h := range e.route.GetVirtualHosts() {
		if !e.matchesHost(h) {
			continue
		}
		routes := list[*routev3.Route]{items: h.GetRoutes(), named: want != nil, end: len(h.GetRoutes())}
		routes.matches = func(r *routev3.Route) bool { return matchesRoute(want, r) }
		before := e.found
		if p.merges() {
			for _, r := range h.GetRoutes() {
				if routes.matches(r) {
					e.found++
					merge(r, p.value, p.replacesLists())
				}
			}
		} else {
			var n int
			h.Routes, n = routes.edit(p, func() *routev3.Route { return copyOf[*routev3.Route](p) })
			e.found += n
		}
		if e.found == before {
			e.miss = e.miss.Deeper(Miss{Depth: 2, What: "route " + quoted(want.GetName()), Names: namesOf(routes.items)})
		}
	}
}

func matchesRoute(want *networking.EnvoyFilter_RouteConfigurationMatch_RouteMatch, r *routev3.Route) bool {
	if want.GetName() != "" && want.GetName() != r.GetName() {
		return false
	}
	switch want.GetAction() {
	case networking.EnvoyFilter_RouteConfigurationMatch_RouteMatch_ROUTE:
		return r.GetRoute() != nil
	case networking.EnvoyFilter_RouteConfigurationMatch_RouteMatch_REDIRECT:
		return r.GetRedirect() != nil
	case networking.EnvoyFilter_RouteConfigurationMatch_RouteMatch_DIRECT_RESPONSE:
		return r.GetDirectResponse() != nil
	}
	return true
}

// inlineRoutes patches the route configurations that an inbound listener has within its connection managers.
func (g *Program) inlineRoutes(out *Result[*listenerv3.Listener], at Place) {
	next := proto.CloneOf(out.Message)
	changed := false
	for _, chain := range chainsOf(next) {
		for _, f := range chain.GetFilters() {
			manager := managerOf(f)
			if manager.GetRouteConfig() == nil {
				continue
			}
			r := g.Route(manager.GetRouteConfig(), RoutePlace(at.Context, manager.GetRouteConfig().GetName(), nil))
			out.Outcomes, out.Problems = append(out.Outcomes, r.Outcomes...), append(out.Problems, r.Problems...)
			if len(r.From) == 0 {
				continue
			}
			changed = true
			for _, k := range r.From {
				if !slices.Contains(out.From, k) {
					out.From = append(out.From, k)
				}
			}
			manager.RouteSpecifier = &hcmv3.HttpConnectionManager_RouteConfig{RouteConfig: r.Message}
			f.ConfigType = &listenerv3.Filter_TypedConfig{TypedConfig: pack(manager)}
		}
	}
	if changed {
		out.Message = next
	}
}
