package planned

import (
	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/topology"
)

// lot is what configuration gives to a node of what somebody asks for.
type lot struct {
	node  topology.Node
	share float64
	// some: of the requests only that a route's conditions match.
	some, mirror bool
	origin       string // KIND NAMESPACE/NAME
	host         string
	port         uint32
	protocol     topology.Protocol
}

// lots are by the ids of nodes.
type lots map[string]lot

// join adds what later routes give: the first ones count, and rather those without conditions.
func (l lots) join(more lots) {
	for id, m := range more {
		if have, ok := l[id]; !ok || have.some && !m.some {
			l[id] = m
		}
	}
}

// origin is the object that gives something, if there is one alone.
func (l lots) origin() (out string) {
	for _, m := range l {
		if out != "" && out != m.origin {
			return ""
		}
		out = m.origin
	}
	return out
}

// routing is who asks, and the rules that hold.
type routing struct {
	world  *world
	scope  *mesh.Scope
	port   uint32
	origin string
}

// question is of a node, about a target or, for a gateway, about none.
type question struct {
	node string
	target
}

// answer remembers what a question comes to: the snapshot does not change, and graphs come every second.
func (w *world) answer(q question, find func() lots) lots {
	known, ok := w.asked[q]
	if !ok {
		known = find()
		w.asked[q] = known
	}
	return known
}

// calls is where requests of a workload go that ask for a host.
func (w *world) calls(n topology.Node, t target) lots {
	return w.answer(question{n.ID, t}, func() lots { return w.findCalls(n, t) })
}

func (w *world) findCalls(n topology.Node, t target) lots {
	r := routing{world: w, scope: w.scope(n), port: t.port}
	var rules []*mesh.VirtualService
	http := true
	if svc := r.scope.Service(t.host); svc != nil {
		rules = svc.Virtual
		if p := svc.PortNumber(t.port); p != nil {
			http = p.Protocol.IsHTTP() || p.Protocol == mesh.Auto
		}
	} else if host := r.scope.Host(t.host); host != nil {
		rules = host.Virtual
	} else {
		return nil
	}
	out := lots{}
	if len(rules) > 0 && r.virtual(rules[0], http, out) || r.scope.Service(t.host) == nil {
		return out
	}
	r.origin = ""
	out.join(r.divide([]*networking.HTTPRouteDestination{{Destination: &networking.Destination{Host: t.host}}}, false))
	return out
}

// serves is where a gateway's requests go, whatever they ask for.
func (w *world) serves(n topology.Node) lots {
	return w.answer(question{node: n.ID}, func() lots { return w.findServes(n) })
}

func (w *world) findServes(n topology.Node) lots {
	out := lots{}
	scope := w.scope(n)
	for _, s := range scope.Servers {
		for _, v := range s.Virtual {
			r := routing{world: w, scope: scope, port: s.Server.GetPort().GetNumber()}
			r.virtual(v, len(v.Spec.GetHttp()) > 0, out)
		}
	}
	return out
}

// virtual adds where a VirtualService leads; it reports whether that says anything about the port.
func (r *routing) virtual(v *mesh.VirtualService, http bool, out lots) (says bool) {
	written := v.Object.Key.Origin()
	r.origin = written.Kind.Name + " " + written.Namespace + "/" + written.Name
	if http {
		return r.http(v.Spec.GetHttp(), out)
	}
	for _, rule := range v.Spec.GetTls() {
		for _, m := range rule.GetMatch() {
			if here(m.GetPort(), r.port) {
				says = true
				out.join(r.divideTCP(rule.GetRoute(), false))
			}
		}
	}
	for _, rule := range v.Spec.GetTcp() {
		on, some := len(rule.GetMatch()) == 0, true
		for _, m := range rule.GetMatch() {
			if here(m.GetPort(), r.port) {
				on, some = true, some && len(m.GetDestinationSubnets()) > 0
			}
		}
		if some = some && len(rule.GetMatch()) > 0; on {
			says = true
			out.join(r.divideTCP(rule.GetRoute(), some))
			if !some {
				return true
			}
		}
	}
	return says
}

// here reports whether a match for a port, or for any, holds.
func here(want, port uint32) bool { return want == 0 || want == port }

func (r *routing) http(rules []*networking.HTTPRoute, out lots) (says bool) {
	for _, rule := range rules {
		on, some := conditions(rule.GetMatch(), r.port)
		if !on {
			continue
		}
		says = true
		out.join(r.divide(rule.GetRoute(), some))
		for _, m := range rule.GetMirrors() {
			out.join(r.mirror(m.GetDestination(), m.GetPercentage().GetValue(), m.GetPercentage() != nil))
		}
		if m := rule.GetMirror(); m != nil {
			out.join(r.mirror(m, rule.GetMirrorPercentage().GetValue(), rule.GetMirrorPercentage() != nil))
		}
		if !some {
			return true
		}
	}
	return says
}

// conditions tell whether a rule holds on a port, and whether it holds for some of the requests there only. What is left in a scope asks for no
// source (see mesh.Scope).
func conditions(matches []*networking.HTTPMatchRequest, port uint32) (on, some bool) {
	if len(matches) == 0 {
		return true, false
	}
	some = true
	for _, m := range matches {
		if !here(m.GetPort(), port) {
			continue
		}
		on = true
		if m.GetScheme() == nil && m.GetMethod() == nil && m.GetAuthority() == nil && len(m.GetHeaders())+len(m.GetWithoutHeaders())+len(m.GetQueryParams()) == 0 &&
			(m.GetUri() == nil || m.GetUri().GetPrefix() == "/") {
			some = false
		}
	}
	return on, some
}

func (r *routing) mirror(d *networking.Destination, percent float64, given bool) lots {
	if !given {
		percent = 100
	}
	out := r.divide([]*networking.HTTPRouteDestination{{Destination: d}}, false)
	for id, l := range out {
		l.share, l.mirror = l.share*percent/100, true
		if out[id] = l; l.share <= 0 {
			delete(out, id)
		}
	}
	return out
}

func (r *routing) divideTCP(routes []*networking.RouteDestination, some bool) lots {
	same := make([]*networking.HTTPRouteDestination, len(routes))
	for i, d := range routes {
		same[i] = &networking.HTTPRouteDestination{Destination: d.GetDestination(), Weight: d.GetWeight()}
	}
	return r.divide(same, some)
}

// divide gives the destinations of one rule their shares. What gets nothing is left out.
func (r *routing) divide(routes []*networking.HTTPRouteDestination, some bool) lots {
	total := int32(0)
	for _, d := range routes {
		total += d.GetWeight()
	}
	out := lots{}
	for _, d := range routes {
		weight := float64(d.GetWeight()) / float64(max(total, 1))
		if total == 0 {
			weight = 1 / float64(len(routes))
		}
		if weight <= 0 {
			continue
		}
		host := d.GetDestination().GetHost()
		port, protocol := r.destination(host, d.GetDestination().GetPort().GetNumber())
		for _, p := range r.world.parts(r.scope, host, d.GetDestination().GetSubset(), port) {
			l := lot{node: p.node, some: some, origin: r.origin, host: host, port: port, protocol: protocol}
			l.share = out[p.node.ID].share + weight*p.share
			out[p.node.ID] = l
		}
	}
	return out
}

// destination is the port that a route leads to: the one that it names, or the only one, or that of the request.
func (r *routing) destination(host string, port uint32) (uint32, topology.Protocol) {
	svc := r.scope.Service(host)
	if svc == nil {
		return port, topology.HTTP
	}
	switch {
	case port != 0:
	case len(svc.Service.Ports) == 1:
		port = svc.Service.Ports[0].Number
	default:
		port = r.port
	}
	p := svc.PortNumber(port)
	switch {
	case p == nil || p.Protocol == mesh.Auto:
		return port, topology.HTTP
	case p.Protocol == mesh.GRPC || p.Protocol == mesh.GRPCWeb:
		return port, topology.GRPC
	case p.Protocol.IsHTTP():
		return port, topology.HTTP
	}
	return port, topology.TCP
}
