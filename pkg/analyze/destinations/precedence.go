package destinations

import (
	"fmt"
	"slices"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/mesh"
)

func rulePrecedence() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "destinationrule-precedence",
		Doc:   "DestinationRules, or parts of them, that never count because another rule takes precedence",
		Codes: []codes.Code{codes.RulePrecedence},
		Kinds: ruleKinds(),
		Run: func(p *analyze.Pass) {
			for _, r := range rules.Of(p) {
				if len(r.Services) > 0 {
					checkPrecedence(p, r)
				}
			}
		},
	}
}

func checkPrecedence(p *analyze.Pass, r *rule) {
	var rival *mesh.DestinationRule
	for _, s := range r.Services {
		_, merged, winner := r.inForce(p, s)
		if merged != nil {
			checkMerged(p, r, merged)
			return
		}
		if rival == nil || !r.lookedFor(p) {
			rival = winner
		}
	}
	f := analyze.Finding{Code: codes.RulePrecedence, Object: r.Object, Field: "spec.host"}
	if rival == nil || !r.lookedFor(p) {
		f.Field = "spec.exportTo"
		f.Message = fmt.Sprintf("counts for no client: rules are looked for in the client's namespace, in that of the service (%s) and in the root namespace, and exportTo leads to none for which this is one of them", r.Services[0].Namespace)
		f.Fix = "move the rule into the namespace of the clients or of the service, or export it to " + r.Key.Namespace
	} else {
		by := rival.From[0]
		f.Message = fmt.Sprintf("counts for no client of %s: %s takes precedence for all of them", r.Services[0].Host, by)
		f.Fix = "merge the two, or remove this one"
		f.Related = related(p, by, "takes precedence")
	}
	p.Report(f)
}

// lookedFor reports whether there may be clients that look for the rule at all.
func (r *rule) lookedFor(p *analyze.Pass) bool {
	return r.Reach.Visibility.In(r.Key.Namespace) || r.Key.Namespace == p.Config().Mesh.GetRootNamespace() ||
		slices.ContainsFunc(r.Services, func(s *mesh.Service) bool { return s.Namespace == r.Key.Namespace })
}

// checkMerged reports what a rule says in vain where several for one host make one.
func checkMerged(p *analyze.Pass, r *rule, merged *mesh.DestinationRule) {
	for _, key := range merged.From[:slices.Index(merged.From, r.Key)] {
		o := p.Get(key)
		if o == nil {
			continue
		}
		other, ok := o.Spec.(*networking.DestinationRule)
		if !ok {
			continue
		}
		if other.GetTrafficPolicy() != nil && r.Spec.GetTrafficPolicy() != nil {
			p.Report(analyze.Finding{
				Code: codes.RulePrecedence, Object: r.Object, Field: "spec.trafficPolicy",
				Message: fmt.Sprintf("has no effect: %s, which is older and for the same host, has a trafficPolicy, and of several only the first counts", key),
				Fix:     "write one trafficPolicy, in one rule for the host", Related: related(p, key, "its trafficPolicy counts"),
			})
		}
		for i, s := range r.Spec.GetSubsets() {
			if slices.ContainsFunc(other.GetSubsets(), func(x *networking.Subset) bool { return x.GetName() == s.GetName() }) {
				p.Report(analyze.Finding{
					Code: codes.RulePrecedence, Object: r.Object, Field: fmt.Sprintf("spec.subsets[%d].name", i),
					Message: fmt.Sprintf("the subset %s has no effect: %s, which is older and for the same host, defines it", s.GetName(), key),
					Fix:     "rename one of the two, or remove one", Related: related(p, key, "its subset counts"),
				})
			}
		}
	}
}

func related(p *analyze.Pass, key config.Key, message string) []analyze.Related {
	out := analyze.Related{Object: key, Message: message}
	if o := p.Get(key); o != nil {
		out.Position = o.Position()
	}
	return []analyze.Related{out}
}
