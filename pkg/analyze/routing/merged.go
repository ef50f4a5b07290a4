package routing

import (
	"fmt"
	"slices"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// vhost is a name at a gateway, for which the rules of all VirtualServices are merged: the oldest first, and the first rule that takes
// everything is the last of all.
type vhost struct{ gateway, host string }

// maxMerged bounds how many VirtualServices of one name are compared with each other.
const maxMerged = 500

// merged looks for rules that those of older VirtualServices leave nothing to, at gateways. A VirtualService that holds for sidecars as well is left
// alone: there its rules count.
func (s *shadows) merged(list []*mesh.Virtual) {
	gateways := map[string]*servedHosts{}
	shared := map[vhost][]*mesh.Virtual{}
	places := map[*mesh.Virtual][]vhost{}
	for _, v := range list {
		if len(v.Spec.GetHttp()) == 0 {
			continue
		}
		for _, g := range v.Gateways {
			if gateways[g] == nil {
				gateways[g] = readServed(s.pass, g)
			}
			for _, h := range gateways[g].of(v) {
				place := vhost{g, h}
				if !slices.Contains(shared[place], v) {
					shared[place], places[v] = append(shared[place], v), append(places[v], place)
				}
			}
		}
	}
	for _, v := range list {
		if len(v.MeshHosts) > 0 || len(places[v]) == 0 || slices.ContainsFunc(places[v], func(at vhost) bool { return shared[at][0] == v || len(shared[at]) > maxMerged }) {
			continue
		}
		s.behind(v, places[v], shared)
	}
}

// behind looks at one VirtualService that is the oldest in none of its places.
func (s *shadows) behind(v *mesh.Virtual, places []vhost, shared map[vhost][]*mesh.Virtual) {
	for _, c := range s.rules(v) {
		field := at("spec.http", c.from.Index)
		if c.from.Object != v.Object || c.rule.GetDelegate() != nil || s.told[v.Object][field] || len(c.matches) < len(c.rule.GetMatch()) {
			continue
		}
		var by *mesh.Virtual
		var rule, applies int
		for _, at := range places {
			for _, m := range c.matches {
				if !slices.Contains(m.gateways, at.gateway) {
					continue
				}
				applies++
				if by, rule = s.olderWinner(v, at.only(m), at, shared[at]); by == nil {
					break
				}
			}
			if applies > 0 && by == nil {
				break
			}
		}
		if by == nil {
			continue
		}
		s.told[v.Object][field] = true
		from := by.Rule(rule)
		winner := at("spec.http", from.Index)
		s.pass.Report(analyze.Finding{
			Code: codes.RouteShadowed, Object: v.Object, Field: field,
			Message: fmt.Sprintf("the rule never matches: the VirtualServices of a host are merged at the Gateway %s, and %s of %s, which comes first (the older one does, then the first by name), takes all of its requests",
				places[0].gateway, winner, name(from.Object)),
			Fix:     "put the rules into one VirtualService in the order that is meant, or make the matches exclude each other",
			Related: related(from.Object, winner, "requests go here"),
		})
	}
}

// only is the match as it is for the gateway of a place.
func (at vhost) only(m *request) *request {
	out := *m
	out.gateways = []string{at.gateway}
	return &out
}

// olderWinner finds the first rule of a VirtualService before v in a place that takes all requests of m.
func (s *shadows) olderWinner(v *mesh.Virtual, m *request, at vhost, list []*mesh.Virtual) (by *mesh.Virtual, rule int) {
	var last *mesh.Virtual
	lastRule := 0
	for _, older := range list {
		if older == v {
			break
		}
		if !older.Visibility.Covers(v.Visibility) {
			continue
		}
		for i, c := range s.rules(older) {
			for _, e := range c.matches {
				if !slices.Contains(e.gateways, at.gateway) {
					continue
				}
				e = at.only(e)
				switch {
				case !e.all() || len(e.labels) > 0 || e.namespace != "" || e.port != 0:
					if e.covers(m) {
						return older, i
					}
				case last == nil:
					last, lastRule = older, i
				}
			}
		}
	}
	if m.all() {
		return last, lastRule
	}
	return nil, 0
}

// servedHosts are the hosts of a Gateway.
type servedHosts struct {
	exact     map[string][]mesh.GatewayHost
	wildcards []mesh.GatewayHost
	all       []mesh.GatewayHost
}

func readServed(p *analyze.Pass, gateway string) *servedHosts {
	out := &servedHosts{exact: map[string][]mesh.GatewayHost{}}
	servers, _ := p.Mesh().GatewayHosts(gateway)
	for _, hosts := range servers {
		for _, h := range hosts {
			out.all = append(out.all, h)
			if wildcard(h.Host) {
				out.wildcards = append(out.wildcards, h)
			} else {
				out.exact[h.Host] = append(out.exact[h.Host], h)
			}
		}
	}
	return out
}

func wildcard(host string) bool { return host != "" && host[0] == '*' }

// of lists the names that the Gateway serves of a VirtualService: of two that meet, the narrower one.
func (s *servedHosts) of(v *mesh.Virtual) []string {
	var out []string
	for _, h := range v.Own.Hosts {
		candidates := s.all
		if !wildcard(h) {
			candidates = append(slices.Clone(s.wildcards), s.exact[h]...)
		}
		for _, c := range candidates {
			if c.Namespace != "" && c.Namespace != v.Object.Key.Namespace {
				continue
			}
			narrow := ""
			switch {
			case mesh.HostCovers(c.Host, h):
				narrow = h
			case mesh.HostCovers(h, c.Host):
				narrow = c.Host
			}
			if narrow != "" && !slices.Contains(out, narrow) {
				out = append(out, narrow)
			}
		}
	}
	return out
}
