package rules

import (
	"fmt"
	"slices"
	"strings"

	security "istio.io/api/security/v1beta1"
)

// NeedsHTTP reports whether any part of the rule looks at what only HTTP requests have. Such a rule allows no TCP connection, whatever its
// other parts say (Istio, "Authorization Policy for TCP Ports").
func (r Rule) NeedsHTTP() bool {
	http := func(c Constraint) bool { return c.Attribute.HTTP() }
	for _, t := range slices.Concat(r.Sources, r.Operations, []Term{r.Conditions}) {
		if slices.ContainsFunc(t, http) {
			return true
		}
	}
	return false
}

// impossible is a constraint in the place of something that is missing.
var impossible = Constraint{Invalid: true}

func (r *reader) rule(at string, in *security.Rule) Rule {
	out := Rule{}
	if in == nil {
		r.fail(at, "the rule is empty"+r.skipped(), "write {} for a rule that matches everything")
		return Rule{Conditions: []Constraint{impossible}}
	}
	for i, from := range in.GetFrom() {
		out.Sources = append(out.Sources, r.source(fmt.Sprintf("%s.from[%d].source", at, i), from.GetSource()))
	}
	for i, to := range in.GetTo() {
		out.Operations = append(out.Operations, r.operation(fmt.Sprintf("%s.to[%d].operation", at, i), to.GetOperation()))
	}
	for i, when := range in.GetWhen() {
		out.Conditions = append(out.Conditions, r.condition(fmt.Sprintf("%s.when[%d]", at, i), when))
	}
	r.unscoped(at, out)
	return out
}

// skipped says what becomes of a part that cannot be asked.
func (r *reader) skipped() string {
	if Widens(r.action) {
		return ": it counts as matched"
	}
	return ": it never matches"
}

// field is one field of a source or operation and its negation, with their names.
type field struct {
	attribute         Attribute
	name, notName     string
	values, notValues []string
}

func (r *reader) source(at string, s *security.Source) Term {
	fields := []field{
		{Principal, "principals", "notPrincipals", s.GetPrincipals(), s.GetNotPrincipals()},
		{RequestPrincipal, "requestPrincipals", "notRequestPrincipals", s.GetRequestPrincipals(), s.GetNotRequestPrincipals()},
		{ServiceAccount, "serviceAccounts", "notServiceAccounts", s.GetServiceAccounts(), s.GetNotServiceAccounts()},
		{TrustDomain, "trustDomains", "notTrustDomains", s.GetTrustDomains(), s.GetNotTrustDomains()},
		{Namespace, "namespaces", "notNamespaces", s.GetNamespaces(), s.GetNotNamespaces()},
		{RemoteIP, "remoteIpBlocks", "notRemoteIpBlocks", s.GetRemoteIpBlocks(), s.GetNotRemoteIpBlocks()},
		{SourceIP, "ipBlocks", "notIpBlocks", s.GetIpBlocks(), s.GetNotIpBlocks()},
	}
	out := r.term(at, fields)
	has := func(a Attribute) bool {
		return slices.ContainsFunc(out, func(c Constraint) bool { return c.Attribute == a })
	}
	if has(ServiceAccount) && (has(Principal) || has(Namespace)) {
		r.fail(at+".serviceAccounts", "serviceAccounts exclude principals and namespaces"+r.skipped(), "use principals alone")
		out = append(out, impossible)
	}
	return out
}

func (r *reader) operation(at string, o *security.Operation) Term {
	return r.term(at, []field{
		{Host, "hosts", "notHosts", o.GetHosts(), o.GetNotHosts()},
		{Method, "methods", "notMethods", o.GetMethods(), o.GetNotMethods()},
		{Path, "paths", "notPaths", o.GetPaths(), o.GetNotPaths()},
		{DestinationPort, "ports", "notPorts", o.GetPorts(), o.GetNotPorts()},
	})
}

func (r *reader) term(at string, fields []field) Term {
	var out Term
	for _, f := range fields {
		if len(f.values) == 0 && len(f.notValues) == 0 {
			continue
		}
		c := Constraint{Attribute: f.attribute, Values: f.values, NotValues: f.notValues}
		c.Invalid = !r.supported(at+"."+f.name, c)
		c.Invalid = !r.valid(at+"."+f.name, c.Attribute, f.values) || c.Invalid
		c.Invalid = !r.valid(at+"."+f.notName, c.Attribute, f.notValues) || c.Invalid
		out = append(out, r.qualified(c))
	}
	if len(out) == 0 {
		r.fail(at, "nothing is asked for"+r.skipped(), "leave the list out where anything is meant")
		return Term{impossible}
	}
	return out
}

// supported reports whether a policy of this action can look at an attribute: external authorization comes before authentication.
func (r *reader) supported(at string, c Constraint) bool {
	if r.action == Custom && (c.Attribute.JWT() || c.Attribute.Peer()) {
		r.fail(at, "Istio does not support who calls as a criterion of CUSTOM policies"+r.skipped(), "let the provider decide by it")
		return false
	}
	return true
}

// qualified writes service accounts with their namespace.
func (r *reader) qualified(c Constraint) Constraint {
	if c.Attribute != ServiceAccount {
		return c
	}
	full := func(list []string) []string {
		var out []string
		for _, v := range list {
			if !strings.Contains(v, "/") {
				v = r.namespace + "/" + v
			}
			out = append(out, v)
		}
		return out
	}
	c.Values, c.NotValues = full(c.Values), full(c.NotValues)
	return c
}

// unscoped warns of a DENY rule that denies TCP connections, of which it cannot ask what it asks of requests: one whose operations name no
// ports, or whose only criteria are sources that HTTP requests alone have. Istio's validation warns of the same rules.
func (r *reader) unscoped(at string, rule Rule) {
	if r.action != Deny || names(rule.Conditions, DestinationPort) {
		return
	}
	has := func(terms []Term, any func(Attribute) bool) bool {
		return slices.ContainsFunc(terms, func(t Term) bool { return slices.ContainsFunc(t, func(c Constraint) bool { return any(c.Attribute) }) })
	}
	port := func(a Attribute) bool { return a == DestinationPort }
	switch {
	case len(rule.Operations) > 0 && !has(rule.Operations, port):
	case len(rule.Operations) == 0 && len(rule.Sources) > 0 && !has(rule.Sources, func(a Attribute) bool { return !a.HTTP() && a != TrustDomain }):
	default:
		return
	}
	r.warn(at, "TCP connections have no methods, paths, hosts or tokens: the rule denies every one of them that its other criteria match",
		"add the ports that speak HTTP to every operation")
}

// Unscoped reports whether a rule of a DENY policy is one that Parse warns of, because of what it does to TCP connections.
func (r Rule) Unscoped() bool {
	probe := &reader{action: Deny}
	probe.unscoped("", r)
	return len(probe.faults) > 0
}

func names(list []Constraint, a Attribute) bool {
	return slices.ContainsFunc(list, func(c Constraint) bool { return c.Attribute == a })
}
