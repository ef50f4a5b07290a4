package traffichub

import (
	"slices"
	"strconv"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/pkg/traffic"
)

// target is where a route leads.
type target struct {
	gateway      bool // as seen by gateways, not by sidecars
	host, subset string
}

// effect is what routes do on the way to a target.
type effect struct {
	badges []topology.Badge
	split  *traffic.Split
}

// routes are the HTTP routes of a snapshot by where they lead.
type routes struct {
	effects map[target]*effect
	// aborted are the hosts to which routes of sidecars have requests fail.
	aborted []string
	hosts   map[config.Key][]string
}

func newRoutes(s *mesh.Snapshot) routes {
	r := routes{effects: map[target]*effect{}, hosts: map[config.Key][]string{}}
	for _, v := range s.Virtuals() {
		for i, rule := range v.Spec.GetHttp() {
			object := v.Rule(i).Object.Key
			id := named(v.Object.Key) + "#" + strconv.Itoa(i)
			for _, gateway := range []bool{false, true} {
				if gateway && len(v.Gateways) > 0 || !gateway && len(v.MeshHosts) > 0 {
					r.add(s, v, rule, gateway, id, object)
				}
			}
		}
	}
	return r
}

func (r *routes) add(s *mesh.Snapshot, v *mesh.Virtual, rule *networking.HTTPRoute, gateway bool, id string, object config.Key) {
	total := int32(0)
	for _, d := range rule.GetRoute() {
		total += d.GetWeight()
	}
	badges := badgesOf(rule)
	for _, d := range rule.GetRoute() {
		host := s.HostName(d.GetDestination().GetHost(), v.Object.Key.Namespace)
		t := target{gateway, host, d.GetDestination().GetSubset()}
		e := r.effects[t]
		if e == nil {
			e = &effect{}
			r.effects[t] = e
		}
		e.badges = union(e.badges, badges)
		if len(rule.GetRoute()) > 1 && total > 0 && e.split == nil {
			e.split = &traffic.Split{Route: id, Origin: named(object), Share: float64(d.GetWeight()) / float64(total)}
		}
		if !gateway && rule.GetFault().GetAbort() != nil && !slices.Contains(r.aborted, host) {
			r.aborted = append(r.aborted, host)
		}
		r.hosts[v.Object.Key] = append(r.hosts[v.Object.Key], host)
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

// leads reports whether a VirtualService leads to a host.
func (r *routes) leads(key config.Key, host string) bool { return slices.Contains(r.hosts[key], host) }
