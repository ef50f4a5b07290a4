package convert

import (
	"fmt"
	"slices"

	security "istio.io/api/security/v1beta1"

	"github.com/meshctl/meshctl/pkg/config"
)

// serviceAccount is the kind of subjects that workloads have.
const serviceAccount = "ServiceAccount"

// trafficTarget allows service accounts to reach the workloads of another one. What no TrafficTarget of theirs allows is refused then.
// See https://github.com/servicemeshinterface/smi-spec/blob/main/apis/traffic-access/v1alpha3/traffic-access.md.
func (c *converter) trafficTarget() {
	t, ok := c.object.Spec.(*config.SMITrafficTarget)
	if !ok {
		return
	}
	d := t.Spec.Destination
	switch {
	case d.Kind != serviceAccount || d.Name == "":
		c.invalid("spec.destination", "the destination is a ServiceAccount with a name; the TrafficTarget is not in force", "write kind: ServiceAccount and its name")
		return
	case d.Namespace != "" && d.Namespace != c.namespace():
		c.fail("spec.destination.namespace", "a TrafficTarget holds for workloads of its own namespace; it is not in force", "put it into the namespace "+d.Namespace)
		return
	}
	policy := &security.AuthorizationPolicy{Action: security.AuthorizationPolicy_ALLOW}
	if rule := c.targetRule(t); len(rule.From) > 0 {
		policy.Rules = append(policy.Rules, c.targetOperations(t, rule)...)
	}
	c.add(config.AuthzPolicy, policy, map[string]string{NoteAccount: d.Name}, map[string]string{"spec": "spec"})
}

// targetRule says who is allowed.
func (c *converter) targetRule(t *config.SMITrafficTarget) *security.Rule {
	rule := &security.Rule{}
	for i, s := range t.Spec.Sources {
		field := fmt.Sprintf("spec.sources[%d]", i)
		if s.Kind != serviceAccount || s.Name == "" {
			c.fail(field, fmt.Sprintf("a source of kind %q cannot be told from others; it is not allowed", s.Kind), "use kind: ServiceAccount, and its name")
			continue
		}
		namespace := s.Namespace
		if namespace == "" {
			namespace = c.namespace()
		}
		principal := fmt.Sprintf("%s/ns/%s/sa/%s", c.settings.TrustDomain, namespace, s.Name)
		rule.From = append(rule.From, &security.Rule_From{Source: &security.Source{Principals: []string{principal}}})
	}
	if len(rule.From) == 0 {
		c.fail("spec.sources", "nobody is allowed; every request to the destination is refused", "add a source")
	}
	return rule
}

// targetOperations says what they are allowed: a rule for each match with headers, one for all others.
func (c *converter) targetOperations(t *config.SMITrafficTarget, who *security.Rule) []*security.Rule {
	var ports []string
	if t.Spec.Destination.Port != nil {
		ports = []string{fmt.Sprint(*t.Spec.Destination.Port)}
	}
	if len(t.Spec.Rules) == 0 {
		return []*security.Rule{{From: who.From, To: onPorts(ports)}}
	}
	var out []*security.Rule
	for i, r := range t.Spec.Rules {
		field := fmt.Sprintf("spec.rules[%d]", i)
		switch r.Kind {
		case config.HTTPRouteGroup.Name:
			out = append(out, c.requestRules(field, r, ports, who)...)
		case config.SMITCPRoute.Name:
			route := get[config.SMIPortRoute](c, config.SMITCPRoute, c.namespace(), r.Name)
			if route == nil {
				c.missing(field, "there is no TCPRoute "+r.Name+"; it allows nothing", "create it, or correct the name", config.SMITCPRoute)
				continue
			}
			if own, ok := bothPorts(ports, route.Spec.Matches.Ports); ok {
				out = append(out, &security.Rule{From: who.From, To: onPorts(own)})
			}
		default:
			c.fail(field+".kind", fmt.Sprintf("a rule of kind %q is not supported; it allows nothing", r.Kind), "use HTTPRouteGroup or TCPRoute")
		}
	}
	return out
}

func onPorts(ports []string) []*security.Rule_To {
	if len(ports) == 0 {
		return nil
	}
	return []*security.Rule_To{{Operation: &security.Operation{Ports: ports}}}
}

// bothPorts are the ports that two lists have; an empty one has all. ok is false when there are none.
func bothPorts(ports []string, list []int) (out []string, ok bool) {
	for _, p := range list {
		if len(ports) == 0 || slices.Contains(ports, fmt.Sprint(p)) {
			out = append(out, fmt.Sprint(p))
		}
	}
	if len(list) == 0 {
		return ports, true
	}
	return out, len(out) > 0
}

// requestRules are the rules of an HTTPRouteGroup.
func (c *converter) requestRules(field string, r config.SMIRule, ports []string, who *security.Rule) []*security.Rule {
	g := get[config.SMIHTTPRouteGroup](c, config.HTTPRouteGroup, c.namespace(), r.Name)
	if g == nil {
		c.missing(field, "there is no HTTPRouteGroup "+r.Name+"; it allows nothing", "create it, or correct the name", config.HTTPRouteGroup)
		return nil
	}
	for i, name := range r.Matches {
		if !slices.ContainsFunc(g.Spec.Matches, func(m config.SMIHTTPMatch) bool { return m.Name == name }) {
			c.missing(fmt.Sprintf("%s.matches[%d]", field, i), "the HTTPRouteGroup "+r.Name+" has no match "+name+"; it allows nothing", "correct the name")
		}
	}
	var out []*security.Rule
	for _, m := range g.Spec.Matches {
		if len(r.Matches) > 0 && !slices.Contains(r.Matches, m.Name) {
			continue
		}
		op := &security.Operation{Ports: ports, Methods: smiMethods(m.Methods)}
		rule := &security.Rule{From: who.From, To: []*security.Rule_To{{Operation: op}}}
		if c.constrain(field, r.Name, m, op, rule) {
			if len(op.Ports)+len(op.Methods)+len(op.Paths)+len(op.Hosts) == 0 {
				rule.To = nil
			}
			out = append(out, rule)
		}
	}
	return out
}

// constrain adds the path and the headers of a match; false leaves it out, so that it allows nothing.
func (c *converter) constrain(field, group string, m config.SMIHTTPMatch, op *security.Operation, rule *security.Rule) bool {
	refuse := func(what, expression string) bool {
		c.fail(field, fmt.Sprintf("the match %s of the HTTPRouteGroup %s has the %s expression %q, which no AuthorizationPolicy can say; it allows nothing", m.Name, group, what, expression),
			"use literal text, with .* at the beginning or the end, or [^/]+ for a part of a path")
		return false
	}
	path, ok := pattern(m.PathRegex, true)
	if !ok {
		return refuse("path", m.PathRegex)
	}
	if path != "*" {
		op.Paths = []string{path}
	}
	for _, name := range sorted(m.Headers) {
		value, ok := pattern(m.Headers[name], false)
		if !ok {
			return refuse("header", m.Headers[name])
		}
		rule.When = append(rule.When, &security.Condition{Key: "request.headers[" + name + "]", Values: []string{value}})
	}
	return true
}
