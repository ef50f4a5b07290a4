package traffichub

import (
	"fmt"
	"slices"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/pkg/traffic"
)

// facts are what configuration wants of traffic: the shares of clusters, and what is done to that for a host.
type facts struct {
	splits map[string]traffic.Share
	marks  map[string][]topology.Badge
}

// factsOf are those of a snapshot, made once for each.
func (h *Hub) factsOf(s *mesh.Snapshot) facts {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.of != s {
		h.facts, h.of = read(s), s
	}
	return h.facts
}

func read(s *mesh.Snapshot) facts {
	f := facts{splits: map[string]traffic.Share{}, marks: map[string][]topology.Badge{}}
	ambiguous := map[string]bool{}
	for _, v := range s.Virtuals() {
		for _, rule := range v.Own.GetHttp() {
			f.rule(s, v, rule, ambiguous)
		}
	}
	for cluster := range ambiguous {
		delete(f.splits, cluster)
	}
	for o := range s.Set().All(config.DestinationRule) {
		rule, ok := o.Spec.(*networking.DestinationRule)
		if policy := rule.GetTrafficPolicy(); ok && (policy.GetOutlierDetection() != nil || policy.GetConnectionPool() != nil) {
			f.mark(s.HostName(rule.GetHost(), o.Key.Namespace), topology.CircuitBreaker)
		}
	}
	return f
}

func (f facts) mark(host string, b topology.Badge) {
	if !slices.Contains(f.marks[host], b) {
		f.marks[host] = append(f.marks[host], b)
	}
}

// rule reads one rule of a VirtualService. What two rules say differently of one cluster is said by none.
func (f facts) rule(s *mesh.Snapshot, v *mesh.Virtual, rule *networking.HTTPRoute, ambiguous map[string]bool) {
	var whole int32
	for _, d := range rule.GetRoute() {
		whole += d.GetWeight()
	}
	for _, d := range rule.GetRoute() {
		svc := s.Destination(v, d.GetDestination().GetHost())
		if svc == nil {
			continue
		}
		for _, b := range badges(rule) {
			f.mark(svc.Host, b)
		}
		if len(rule.GetRoute()) < 2 || whole == 0 {
			continue
		}
		share := traffic.Share{Of: float64(d.GetWeight()) / float64(whole), Origin: v.Object.Key.Kind.Name + " " + v.Object.Key.Namespace + "/" + v.Object.Key.Name}
		for _, port := range svc.Ports {
			if want := d.GetDestination().GetPort().GetNumber(); want != 0 && want != port.Number {
				continue
			}
			cluster := fmt.Sprintf("outbound|%d|%s|%s", port.Number, d.GetDestination().GetSubset(), svc.Host)
			if before, known := f.splits[cluster]; known && before != share {
				ambiguous[cluster] = true
			}
			f.splits[cluster] = share
		}
	}
}

func badges(rule *networking.HTTPRoute) (out []topology.Badge) {
	if rule.GetFault() != nil {
		out = append(out, topology.Fault)
	}
	if rule.GetMirror() != nil || len(rule.GetMirrors()) > 0 {
		out = append(out, topology.Mirror)
	}
	if rule.GetTimeout() != nil {
		out = append(out, topology.Timeout)
	}
	return out
}
