package translate

import (
	"slices"

	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"

	"github.com/meshctl/meshctl/pkg/authz/rules"
)

// ruleMatcher expresses rules in Envoy's terms.
type ruleMatcher struct {
	traffic
	// widens: what cannot be asked counts as fulfilled, see rules.Widens.
	widens bool
	tcp    bool
}

// policy matches what a rule matches; nil when that is nothing.
func (m ruleMatcher) policy(r rules.Rule) *rbacv3.Policy {
	if m.tcp && !m.widens && r.NeedsHTTP() {
		return nil
	}
	var who, what rules.Term
	for _, c := range r.Conditions {
		if c.Attribute.Destination() {
			what = append(what, c)
		} else {
			who = append(who, c)
		}
	}
	out := &rbacv3.Policy{Principals: terms(m, principalKit(m.traffic), r.Sources, who), Permissions: terms(m, permissionKit(), r.Operations, what)}
	if len(out.Principals) == 0 || len(out.Permissions) == 0 {
		return nil
	}
	return out
}

// kit makes principals or permissions, which Envoy combines in the same ways.
type kit[T any] struct {
	anything    T
	not         func(T) T
	all, either func([]T) T
	// match matches one value of an attribute.
	match func(c rules.Constraint, value string) T
}

// terms are the alternatives of a rule, each together with the conditions. There is none when nothing matches, and one that matches
// anything where nothing is asked for.
func terms[T any](m ruleMatcher, k kit[T], alternatives []rules.Term, conditions rules.Term) []T {
	if len(alternatives) == 0 {
		alternatives = []rules.Term{nil}
	}
	var out []T
	for _, a := range alternatives {
		if t, ok := term(m, k, append(slices.Clone(a), conditions...)); ok {
			out = append(out, t)
		}
	}
	return out
}

// term matches when all constraints hold; ok is false when they never do.
func term[T any](m ruleMatcher, k kit[T], constraints rules.Term) (t T, ok bool) {
	var list []T
	for _, c := range constraints {
		holds, decided := m.decide(c)
		switch {
		case decided && !holds:
			return t, false
		case decided:
			continue
		}
		if len(c.Values) > 0 {
			list = append(list, values(k, c, c.Values))
		}
		if len(c.NotValues) > 0 {
			list = append(list, k.not(values(k, c, c.NotValues)))
		}
	}
	switch len(list) {
	case 0:
		return k.anything, true
	case 1:
		return list[0], true
	}
	return k.all(list), true
}

// values matches any value of a constraint.
func values[T any](k kit[T], c rules.Constraint, list []string) T {
	var out []T
	for _, v := range list {
		out = append(out, k.match(c, v))
	}
	if len(out) == 1 {
		return out[0]
	}
	return k.either(out)
}

// decide answers a constraint that does not depend on the request.
func (m ruleMatcher) decide(c rules.Constraint) (holds, decided bool) {
	switch {
	case c.Invalid || m.tcp && c.Attribute.HTTP():
		return m.widens, true
	case c.Attribute == rules.DestinationPort && m.port != 0:
		// The listener's own port may be another one: that of an explicit proxy, or of a gateway's Service.
		named := func(list []string) bool {
			return slices.ContainsFunc(list, func(v string) bool { p, ok := rules.Port(v); return ok && p == m.port })
		}
		return (len(c.Values) == 0 || named(c.Values)) && !named(c.NotValues), true
	}
	return false, false
}
