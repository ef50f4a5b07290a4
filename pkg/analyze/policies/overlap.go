package policies

import (
	"fmt"
	"slices"
	"strings"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/authz/rules"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

func rulesOverlap() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "authorizationpolicy-overlap",
		Doc:   "rules so wide that the other rules of their AuthorizationPolicy mean next to nothing",
		Codes: []codes.Code{codes.RuleSwallowed},
		Kinds: []config.Kind{config.AuthzPolicy},
		Run: func(p *analyze.Pass) {
			for _, pol := range authorization.Of(p) {
				swallowed(p, pol)
			}
		},
	}
}

// mostRules are compared with each other; of longer policies, which programs write, only rules that ask for nothing are looked for.
const mostRules = 100

func swallowed(p *analyze.Pass, pol *policy) {
	covers := func(i, j int) bool {
		wide, r := pol.Rules[i], pol.Rules[j]
		if i == j || len(pol.Rules) > mostRules && !unlimited(wide) {
			return false
		}
		return r.Implies(wide) && (i < j || !wide.Implies(r))
	}
	meaningless := make([]bool, len(pol.Rules))
	for j := range pol.Rules {
		meaningless[j] = slices.ContainsFunc(indexes(pol.Rules), func(i int) bool { return covers(i, j) })
	}
	mixed := pol.Action == rules.Allow && split(pol.Rules)
	for i, wide := range pol.Rules {
		var others []int
		nearly := false
		for j, r := range pol.Rules {
			switch {
			case meaningless[i]:
			case covers(i, j):
				others = append(others, j)
			case i != j && mixed && everybody(wide) && !everybody(r):
				nearly, others = true, append(others, j)
			}
		}
		if len(others) > 0 {
			p.Report(analyze.Finding{
				Code: codes.RuleSwallowed, Object: pol.object, Field: ruleField(i), Message: overlapMessage(pol, i, others, nearly),
				Related: positions(pol.object, others),
			})
		}
	}
}

func indexes(list []rules.Rule) []int {
	out := make([]int, len(list))
	for i := range out {
		out[i] = i
	}
	return out
}

func overlapMessage(pol *policy, i int, others []int, nearly bool) string {
	var names []string
	for _, j := range others {
		names = append(names, fmt.Sprintf("rules[%d]", j))
	}
	list := strings.Join(names, " and ")
	effect := map[rules.Action]string{rules.Allow: "admits", rules.Deny: "denies"}[pol.Action]
	if effect == "" {
		effect = "matches"
	}
	switch {
	case unlimited(pol.Rules[i]):
		return "the rule asks for nothing and " + effect + " every request: " + list + " mean nothing beside it"
	case nearly:
		return "rules are alternatives, and this one " + effect + " requests of everybody: " + list + " are nearly meaningless beside it"
	}
	return "rules are alternatives, and this one " + effect + " everything that " + list + " would: they mean nothing beside it"
}

func positions(o *config.Object, list []int) []analyze.Related {
	var out []analyze.Related
	for _, i := range list {
		out = append(out, analyze.Related{Object: o.Key, Position: o.FieldPosition(ruleField(i)), Message: "the rule that it swallows"})
	}
	return out
}

// unlimited reports whether a rule asks for nothing.
func unlimited(r rules.Rule) bool { return len(r.Sources)+len(r.Operations)+len(r.Conditions) == 0 }

// split reports whether each rule has only one of from, to and when, and not all the same: what was meant as one rule, with a dash too many.
func split(list []rules.Rule) bool {
	sections := map[int]bool{}
	for _, r := range list {
		section := -1
		for i, n := range [...]int{len(r.Sources), len(r.Operations), len(r.Conditions)} {
			switch {
			case n > 0 && section >= 0:
				return false
			case n > 0:
				section = i
			}
		}
		sections[section] = true
	}
	return len(sections) > 1
}

// everybody reports whether a rule admits every caller to what nearly every request asks for.
func everybody(r rules.Rule) bool {
	return len(r.Sources)+len(r.Conditions) == 0 && slices.ContainsFunc(r.Operations, func(t rules.Term) bool {
		return !slices.ContainsFunc(t, func(c rules.Constraint) bool { return !usual(c) })
	})
}

// usual reports whether most requests meet a constraint.
func usual(c rules.Constraint) bool {
	if len(c.NotValues) > 0 || c.Invalid {
		return false
	}
	common := map[rules.Attribute][]string{rules.Method: {"GET", "*"}, rules.Path: {"/*", "*"}, rules.Host: {"*"}}[c.Attribute]
	return slices.ContainsFunc(common, func(v string) bool { return slices.Contains(c.Values, v) })
}
