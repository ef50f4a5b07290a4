package rules

import (
	"slices"
	"strings"
)

// Implies reports whether every request that rule r matches is one that o matches too, whatever attributes it has. False also means
// that it cannot be told. Both must be rules of the same sort of action, or of ALLOW and of one that Widens.
func (r Rule) Implies(o Rule) bool {
	for _, mine := range r.alternatives() {
		if !slices.ContainsFunc(o.alternatives(), func(t Term) bool { return mine.implies(t) }) {
			return false
		}
	}
	return true
}

// Contradiction returns two constraints that no request meets at once, for each way in which the rule could match; ok is false when there
// is a way without.
func (r Rule) Contradiction() (a, b Constraint, ok bool) {
	for _, t := range r.alternatives() {
		if a, b, ok = t.contradiction(); !ok {
			return a, b, false
		}
	}
	return a, b, ok
}

// alternatives are the ways in which a rule matches: one of its sources, one of its operations, and all conditions.
func (r Rule) alternatives() []Term {
	sources, operations := r.Sources, r.Operations
	if len(sources) == 0 {
		sources = []Term{nil}
	}
	if len(operations) == 0 {
		operations = []Term{nil}
	}
	var out []Term
	for _, s := range sources {
		for _, o := range operations {
			out = append(out, slices.Concat(s, o, Term(r.Conditions)))
		}
	}
	return out
}

func (t Term) implies(o Term) bool {
	for _, c := range o {
		if c.Invalid || !slices.ContainsFunc(t, func(mine Constraint) bool { return mine.implies(c, true, false) }) && len(c.Values) > 0 {
			return false
		}
		if len(c.NotValues) > 0 && !slices.ContainsFunc(t, func(mine Constraint) bool { return mine.implies(c, false, true) }) {
			return false
		}
	}
	return true
}

// implies reports whether what meets c also meets the values, or what o excludes.
func (c Constraint) implies(o Constraint, values, excluded bool) bool {
	if c.Attribute == Principal && o.Attribute == Namespace && values && !c.Invalid {
		return c.within(o.Values)
	}
	if c.Invalid || !c.same(o) {
		return false
	}
	if values && (len(c.Values) == 0 || !allCovered(c.Attribute, c.Values, o.Values)) {
		return false
	}
	if !excluded || allCovered(c.Attribute, o.NotValues, c.NotValues) {
		return true
	}
	return c.single() && len(c.Values) > 0 && !slices.ContainsFunc(c.Values, func(v string) bool {
		return slices.ContainsFunc(o.NotValues, func(n string) bool { return meet(c.Attribute, v, n) })
	})
}

// within reports whether all principals are of some of the namespaces.
func (c Constraint) within(namespaces []string) bool {
	return len(c.Values) > 0 && !slices.ContainsFunc(c.Values, func(principal string) bool {
		namespace, known := PrincipalNamespace(principal)
		return !known || !allCovered(Namespace, []string{namespace}, namespaces)
	})
}

func (c Constraint) same(o Constraint) bool {
	return c.Attribute == o.Attribute && slices.EqualFunc(c.Key, o.Key, strings.EqualFold)
}

// single reports whether a request has at most one value of the attribute.
func (c Constraint) single() bool {
	switch c.Attribute {
	case Claim, Audiences, FilterMetadata, Unknown:
		return false
	}
	return true
}

func (t Term) contradiction() (a, b Constraint, ok bool) {
	for i, c := range t {
		if c.Invalid || !c.single() || len(c.Values) == 0 {
			continue
		}
		for j, o := range t {
			if o.Invalid {
				continue
			}
			if c.same(o) && len(o.NotValues) > 0 && allCovered(c.Attribute, c.Values, o.NotValues) {
				return c, o, true
			}
			if j > i && len(o.Values) > 0 && excludes(c, o) {
				return c, o, true
			}
		}
	}
	return a, b, false
}

// excludes reports whether no value of one constraint goes together with a value of the other.
func excludes(a, b Constraint) bool {
	if a.same(b) {
		return !slices.ContainsFunc(a.Values, func(v string) bool {
			return slices.ContainsFunc(b.Values, func(w string) bool { return meet(a.Attribute, v, w) })
		})
	}
	if a.Attribute == Namespace && b.Attribute == Principal {
		a, b = b, a
	}
	if a.Attribute != Principal || b.Attribute != Namespace {
		return false
	}
	return !slices.ContainsFunc(a.Values, func(principal string) bool {
		namespace, known := PrincipalNamespace(principal)
		return !known || slices.ContainsFunc(b.Values, func(v string) bool { return covers(Namespace, v, namespace) })
	})
}

// PrincipalNamespace returns the namespace in a principal, "TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT"; known is false when it stands for more
// than one, or for none of that form.
func PrincipalNamespace(principal string) (namespace string, known bool) {
	parts := strings.Split(principal, "/")
	if len(parts) != 5 || parts[1] != "ns" || parts[3] != "sa" || strings.Contains(parts[2], "*") || parts[2] == "" {
		return "", false
	}
	return parts[2], true
}

func allCovered(a Attribute, list, by []string) bool {
	return !slices.ContainsFunc(list, func(v string) bool {
		return !slices.ContainsFunc(by, func(w string) bool { return covers(a, w, v) })
	})
}
