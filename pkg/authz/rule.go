package authz

import (
	"fmt"
	"strings"

	security "istio.io/api/security/v1beta1"

	"github.com/meshctl/meshctl/pkg/authz/rules"
)

// rule is one of a policy. It matches when one of its sources, one of its operations and all of its conditions do.
type rule struct {
	field    string      // "spec.rules[0]"
	from, to [][]matcher // alternatives; none takes any
	when     []matcher
}

// matcher wants one of values, or none of them.
type matcher struct {
	Condition
	constraint rules.Constraint
	tests      []test
}

// compiler makes the matchers of one policy.
type compiler struct {
	domains []string
	faults  []rules.Fault
}

// rule makes what was read of the rule in.
func (c compiler) rule(index int, r rules.Rule, in *security.Rule) *rule {
	out := &rule{field: fmt.Sprintf("spec.rules[%d]", index)}
	for i, term := range r.Sources {
		out.from = append(out.from, c.term(fmt.Sprintf("%s.from[%d].source", out.field, i), term))
	}
	for i, term := range r.Operations {
		out.to = append(out.to, c.term(fmt.Sprintf("%s.to[%d].operation", out.field, i), term))
	}
	for i, constraint := range r.Conditions {
		at := fmt.Sprintf("%s.when[%d]", out.field, i)
		key := ""
		if i < len(in.GetWhen()) {
			key = in.GetWhen()[i].GetKey()
		}
		out.when = append(out.when, c.matchers(constraint, key, at, at+".values", at+".notValues")...)
	}
	return out
}

// names are what fields of sources and operations are called, as attributes and as fields.
func names(a rules.Attribute) (attribute, field, not string) {
	switch a {
	case rules.Principal:
		return "source.principal", "principals", "notPrincipals"
	case rules.RequestPrincipal:
		return "request.auth.principal", "requestPrincipals", "notRequestPrincipals"
	case rules.Namespace:
		return "source.namespace", "namespaces", "notNamespaces"
	case rules.ServiceAccount:
		return "source.serviceAccount", "serviceAccounts", "notServiceAccounts"
	case rules.TrustDomain:
		return "source.trustDomain", "trustDomains", "notTrustDomains"
	case rules.SourceIP:
		return "source.ip", "ipBlocks", "notIpBlocks"
	case rules.RemoteIP:
		return "remote.ip", "remoteIpBlocks", "notRemoteIpBlocks"
	case rules.DestinationPort:
		return "destination.port", "ports", "notPorts"
	case rules.Host:
		return "request.host", "hosts", "notHosts"
	case rules.Method:
		return "request.method", "methods", "notMethods"
	case rules.Path:
		return "request.url_path", "paths", "notPaths"
	}
	return "", "", ""
}

func (c compiler) term(at string, term rules.Term) []matcher {
	out := []matcher{}
	for _, constraint := range term {
		attribute, field, not := names(constraint.Attribute)
		out = append(out, c.matchers(constraint, attribute, at, at+"."+field, at+"."+not)...)
	}
	return out
}

// matchers are those of the values and of the excluded values of a constraint.
func (c compiler) matchers(constraint rules.Constraint, name, at, field, not string) []matcher {
	if constraint.Invalid {
		where := at
		if name != "" && len(constraint.Values) > 0 {
			where = field
		}
		return []matcher{{Condition: Condition{Attribute: name, Field: where, Values: constraint.Values, Note: c.fault(where, at)}, constraint: constraint}}
	}
	var out []matcher
	if len(constraint.Values) > 0 {
		out = append(out, c.matcher(constraint, Condition{Attribute: name, Field: field, Values: constraint.Values}))
	}
	if len(constraint.NotValues) > 0 {
		out = append(out, c.matcher(constraint, Condition{Attribute: name, Field: not, Values: constraint.NotValues, Not: true}))
	}
	return out
}

func (c compiler) matcher(constraint rules.Constraint, condition Condition) matcher {
	m := matcher{Condition: condition, constraint: constraint}
	values := condition.Values
	switch constraint.Attribute {
	case rules.Principal:
		values = rules.Principals(values, c.domains)
	case rules.TrustDomain:
		values = rules.TrustDomains(values, c.domains)
	}
	for _, v := range values {
		m.tests = append(m.tests, testOf(constraint, v))
	}
	return m
}

// fault is what is wrong at the first of the fields of which something is.
func (c compiler) fault(fields ...string) string {
	for _, field := range fields {
		for _, f := range c.faults {
			if !f.Warning && strings.HasPrefix(f.Field, field) {
				return f.Message
			}
		}
	}
	return "it cannot be asked"
}
