package routing

import (
	"fmt"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// rules looks for rules and matches that never count because of earlier ones.
func rules() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "virtualservice-rules",
		Doc:   "rules and matches that earlier ones leave nothing to",
		Codes: []codes.Code{codes.RouteUnreachable, codes.MatchOverlaps, codes.RouteShadowed},
		Kinds: []config.Kind{config.VirtualService, config.ConfigMap, config.Gateway},
		Run: func(p *analyze.Pass) {
			p.Reads(config.Gateway)
			s := &shadows{pass: p, told: map[*config.Object]told{}, read: map[*mesh.Virtual][]compiled{}, delegated: map[string]*delegatedRule{}}
			list := written.Of(p)
			for _, v := range list {
				s.told[v.Object] = told{}
				for _, rules := range ruleTexts(v) {
					reportDuplicates(p, v, rules, s.told[v.Object])
				}
				reportOverlaps(p, v, s.told[v.Object])
				s.streams(v)
				s.own(v)
			}
			s.reportDelegated()
			s.merged(list)
		},
	}
}

// shadows looks for rules that the real matcher never reaches, apart from those that are told of already.
type shadows struct {
	pass *analyze.Pass
	told map[*config.Object]told
	// read are the rules of each VirtualService, as they are merged.
	read map[*mesh.Virtual][]compiled
	// delegated are the rules of delegates, by object and index: they are dead when they are so wherever they are merged.
	delegated map[string]*delegatedRule
}

type delegatedRule struct {
	object       *config.Object
	index        int
	places, dead int
	winner       mesh.RuleOrigin
}

// compiled is an HTTP rule with its matches.
type compiled struct {
	rule    *networking.HTTPRoute
	from    mesh.RuleOrigin
	matches []*request
	index   []int // of each match as written
}

// rules returns the rules of a VirtualService with those of its delegates.
func (s *shadows) rules(v *mesh.Virtual) []compiled {
	list, known := s.read[v]
	if !known {
		list = compile(v, v.Spec.GetHttp(), v.Rule)
		s.read[v] = list
	}
	return list
}

// compile reads rules. A rule without matches has one that matches all.
func compile(v *mesh.Virtual, list []*networking.HTTPRoute, from func(int) mesh.RuleOrigin) []compiled {
	var out []compiled
	for i, r := range list {
		c := compiled{rule: r, from: from(i)}
		for j, m := range r.GetMatch() {
			if as, ok := requestOf(m, v.Bound()); ok {
				c.matches, c.index = append(c.matches, &as), append(c.index, j)
			}
		}
		if len(r.GetMatch()) == 0 {
			c.matches, c.index = []*request{{origin: origin{gateways: v.Bound()}}}, []int{0}
		}
		out = append(out, c)
	}
	return out
}

// winnerOf returns the place in rules of the first match that covers m.
func winnerOf(rules []compiled, m *request) (place, bool) {
	for i := range rules {
		for j, e := range rules[i].matches {
			if e.covers(m) {
				return place{i, rules[i].index[j]}, true
			}
		}
	}
	return place{}, false
}

// own looks at the rules of one VirtualService, with those of its delegates where they are merged.
func (s *shadows) own(v *mesh.Virtual) {
	list := s.rules(v)
	for i, c := range list {
		if c.rule.GetDelegate() != nil || len(c.matches) == 0 || len(c.matches) < len(c.rule.GetMatch()) {
			continue
		}
		var dead []int
		var winners []place
		for j, m := range c.matches {
			if w, ok := winnerOf(list[:i], m); ok {
				dead, winners = append(dead, j), append(winners, w)
			}
		}
		if c.from.Object != v.Object {
			s.note(c, len(dead) == len(c.matches), list, winners)
			continue
		}
		s.report(v, list, c, dead, winners)
	}
}

// report tells of a rule of its own that is dead, or of those of its matches that are.
func (s *shadows) report(v *mesh.Virtual, list []compiled, c compiled, dead []int, winners []place) {
	field := at("spec.http", c.from.Index)
	told := s.told[v.Object]
	untold := 0
	for _, j := range dead {
		if !told[at(field+".match", c.index[j])] {
			untold++
		}
	}
	switch {
	case told[field] || untold == 0:
	case len(dead) == len(c.matches):
		told[field] = true
		s.shadowed(v.Object, field, "the rule never matches", list[winners[0].rule], winners[0].match)
	default:
		for k, j := range dead {
			if at := at(field+".match", c.index[j]); !told[at] {
				s.shadowed(v.Object, at, "the match never takes anything", list[winners[k].rule], winners[k].match)
			}
		}
	}
}

func (s *shadows) shadowed(o *config.Object, field, what string, winner compiled, match int) {
	by := at("spec.http", winner.from.Index)
	if len(winner.rule.GetMatch()) > 0 && winner.from.Object == o {
		by = at(by+".match", match)
	}
	message := fmt.Sprintf("%s: %s takes all of its requests first", what, by)
	if winner.from.Object != o {
		message = fmt.Sprintf("%s: %s of VirtualService %s takes all of its requests first", what, by, name(winner.from.Object))
	}
	s.pass.Report(analyze.Finding{
		Code: codes.RouteShadowed, Object: o, Field: field, Message: message,
		Related: related(winner.from.Object, by, "requests go here"),
	})
}

// note keeps what becomes of a delegate's rule in one of its places.
func (s *shadows) note(c compiled, dead bool, list []compiled, winners []place) {
	key := at(c.from.Object.Key.String(), c.from.Index)
	d := s.delegated[key]
	if d == nil {
		d = &delegatedRule{object: c.from.Object, index: c.from.Index}
		s.delegated[key] = d
	}
	d.places++
	if dead {
		d.dead++
		d.winner = list[winners[0].rule].from
	}
}

// reportDelegated tells of the rules of delegates that are dead in every root, and not for a reason that is told at the delegate.
func (s *shadows) reportDelegated() {
	for _, d := range s.delegated {
		field := at("spec.http", d.index)
		if d.dead < d.places || s.told[d.object] == nil || s.told[d.object][field] || d.winner.Object == d.object {
			continue
		}
		by := at("spec.http", d.winner.Index)
		s.pass.Report(analyze.Finding{
			Code: codes.RouteShadowed, Object: d.object, Field: field,
			Message: fmt.Sprintf("the rule never matches where it is delegated to: %s of VirtualService %s takes all of its requests first", by, name(d.winner.Object)),
			Related: related(d.winner.Object, by, "requests go here"),
		})
	}
}
