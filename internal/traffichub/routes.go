package traffichub

import (
	"slices"
	"strconv"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/internal/agentapi"
	"github.com/meshctl/meshctl/internal/registry"
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/pkg/traffic"
)

// target is where a route leads.
type target struct{ host, subset string }

// effect is what routes do on the way to a target.
type effect struct {
	badges []topology.Badge
	split  *traffic.Split
}

// routes are the HTTP routes that hold for one caller, by where they lead. They are immutable.
type routes map[target]*effect

// routesOf returns the routes of a proxy. They are found once for all proxies that see the mesh alike.
func (k *known) routesOf(p registry.Proxy) routes {
	k.mu.Lock()
	defer k.mu.Unlock()
	if r, found := k.byProxy[p.NodeID]; found {
		return r
	}
	caller := mesh.Proxy{Namespace: p.Namespace, Name: p.Name, Labels: p.Labels}
	if p.Type == agentapi.ProxyType_ROUTER {
		caller.Type = mesh.Router
	}
	key := k.snapshot.ScopeKey(caller)
	r, found := k.byScope[key]
	if !found {
		r = newRoutes(k.snapshot, k.virtuals, caller)
		k.byScope[key] = r
	}
	k.byProxy[p.NodeID] = r
	return r
}

// newRoutes finds the routes of a caller. As in translation, a host asked of a sidecar is routed by the oldest VirtualService that has rules for
// the caller, or by all those that were made of the Gateway API's routes; on gateways all count.
func newRoutes(s *mesh.Snapshot, virtuals []*mesh.Virtual, caller mesh.Proxy) routes {
	r, reach := routes{}, s.Reach(caller)
	precise := map[string]bool{} // by hosts asked of sidecars that have rules already: these are the Gateway API's
	for _, v := range virtuals {
		rules := reach.Rules(v)
		if len(rules) == 0 {
			continue
		}
		hosts := v.Spec.GetHosts()
		if caller.Type != mesh.Router {
			hosts = slices.DeleteFunc(slices.Clone(v.MeshHosts), func(host string) bool {
				first, taken := precise[host]
				return taken && (!first || !v.Precise())
			})
			for _, host := range hosts {
				precise[host] = v.Precise()
			}
		}
		if len(hosts) == 0 {
			continue
		}
		for _, i := range rules {
			r.add(s, v, i, hosts)
		}
	}
	return r
}

// add notes what the i-th rule of a VirtualService does for those who ask for its hosts.
func (r routes) add(s *mesh.Snapshot, v *mesh.Virtual, i int, hosts []string) {
	rule := v.Spec.GetHttp()[i]
	total := int32(0)
	for _, d := range rule.GetRoute() {
		total += d.GetWeight()
	}
	badges := badgesOf(rule)
	for _, d := range rule.GetRoute() {
		t := target{s.HostName(d.GetDestination().GetHost(), v.Object.Key.Namespace), d.GetDestination().GetSubset()}
		e := r[t]
		if e == nil {
			e = &effect{}
			r[t] = e
		}
		e.badges = union(e.badges, badges)
		asked := hosts[0]
		if slices.Contains(hosts, t.host) {
			asked = t.host
		}
		// Where several rules lead to a target, the first counts, but rather one for those who ask for the target's own host.
		if len(rule.GetRoute()) > 1 && total > 0 && (e.split == nil || e.split.Host != t.host && asked == t.host) {
			e.split = &traffic.Split{
				Host: asked, Route: named(v.Object.Key) + "#" + strconv.Itoa(i), Origin: named(v.Rule(i).Object.Key),
				Share: float64(d.GetWeight()) / float64(total),
			}
		}
	}
}

func badgesOf(rule *networking.HTTPRoute) []topology.Badge {
	var out []topology.Badge
	for badge, is := range map[topology.Badge]bool{
		topology.Fault: rule.GetFault() != nil, topology.Mirror: rule.GetMirror() != nil || len(rule.GetMirrors()) > 0,
		topology.Retried: rule.GetRetries() != nil, topology.Timeout: rule.GetTimeout() != nil,
	} {
		if is {
			out = append(out, badge)
		}
	}
	return out
}

func union(a, b []topology.Badge) []topology.Badge {
	for _, badge := range b {
		if !slices.Contains(a, badge) {
			a = append(a, badge)
		}
	}
	slices.Sort(a)
	return a
}
