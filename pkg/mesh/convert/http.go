package convert

import (
	"fmt"
	"maps"

	networking "istio.io/api/networking/v1alpha3"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/meshctl/meshctl/pkg/config"
)

// mesh is the gateway name that stands for every sidecar.
const mesh = "mesh"

// httpRoute makes a VirtualService for gateways, and one for each Service that is a parent.
func (c *converter) httpRoute() {
	r, ok := c.object.Spec.(*gatewayv1.HTTPRoute)
	if !ok {
		return
	}
	c.requests(c.attach(r.Spec.CommonRouteSpec, r.Spec.Hostnames), r.Spec.Hostnames, c.rules(r.Spec.Rules))
}

// routeRules are the rules of a route in Istio's terms, one for each match, and where each is written.
type routeRules struct {
	http   []*networking.HTTPRoute
	fields map[string]string
}

// requests puts rules where the route is attached.
func (c *converter) requests(a attachment, hostnames []gatewayv1.Hostname, rules routeRules) {
	if len(rules.http) == 0 {
		return
	}
	if len(a.gateways) > 0 {
		c.add(config.VirtualService, &networking.VirtualService{
			Hosts: hosts(hostnames), Gateways: a.gateways, Http: rules.http, ExportTo: []string{"*"},
		}, nil, rules.fields)
	}
	c.perService(a.services, func(p serviceParent, v *networking.VirtualService) {
		v.Http = portMatches(rules.http, p.port)
	}, rules.fields)
}

// perService makes a VirtualService of sidecars for each parent that is a Service. A route in the Service's namespace holds for all
// clients, one elsewhere for those of its own namespace.
func (c *converter) perService(services []serviceParent, fill func(serviceParent, *networking.VirtualService), fields map[string]string) {
	for _, p := range services {
		v := &networking.VirtualService{Hosts: []string{c.fqdn(p.name, p.namespace)}, Gateways: []string{mesh}, ExportTo: []string{"*"}}
		if p.namespace != c.namespace() {
			v.ExportTo = []string{"."}
		}
		fill(p, v)
		own := maps.Clone(fields)
		own["spec.hosts"] = "spec.parentRefs"
		c.add(config.VirtualService, v, nil, own, mesh, p.namespace, p.name, fmt.Sprint(p.port))
	}
}

// portMatches are rules for one port of a service; 0 is all of them.
func portMatches(rules []*networking.HTTPRoute, port uint32) []*networking.HTTPRoute {
	if port == 0 {
		return rules
	}
	out := make([]*networking.HTTPRoute, 0, len(rules))
	for _, r := range rules {
		r = r.DeepCopy()
		if len(r.Match) == 0 {
			r.Match = []*networking.HTTPMatchRequest{{}}
		}
		for _, m := range r.Match {
			m.Port = port
		}
		out = append(out, r)
	}
	return out
}

func hosts(hostnames []gatewayv1.Hostname) []string {
	var out []string
	for _, h := range hostnames {
		out = append(out, string(h))
	}
	if len(out) == 0 {
		return []string{"*"}
	}
	return out
}

// rules makes one rule of each match: what a rule does may depend on the prefix that matched, and matches of several rules are
// ordered by how much they say.
func (c *converter) rules(list []gatewayv1.HTTPRouteRule) routeRules {
	out := routeRules{fields: map[string]string{}}
	if len(list) == 0 {
		list = []gatewayv1.HTTPRouteRule{{}}
	}
	for i, rule := range list {
		field := fmt.Sprintf("spec.rules[%d]", i)
		made := c.rule(field, rule)
		matches := rule.Matches
		if len(matches) == 0 {
			matches = []gatewayv1.HTTPRouteMatch{{}}
		}
		for j, m := range matches {
			at := fmt.Sprintf("%s.matches[%d]", field, j)
			match, ok := c.match(at, m)
			if !ok {
				continue
			}
			r := made.route.DeepCopy()
			r.Match = []*networking.HTTPMatchRequest{match}
			made.paths(r, match)
			from := fmt.Sprintf("spec.http[%d]", len(out.http))
			out.fields[from] = field
			out.fields[from+".match"] = at
			for k := range rule.BackendRefs {
				out.fields[fmt.Sprintf("%s.route[%d]", from, k)] = fmt.Sprintf("%s.backendRefs[%d]", field, k)
			}
			out.http = append(out.http, r)
		}
	}
	return out
}

// rule translates everything of a rule but its matches.
func (c *converter) rule(field string, rule gatewayv1.HTTPRouteRule) *ruleResult {
	r := &ruleResult{converter: c, route: &networking.HTTPRoute{Name: string(or(rule.Name, ""))}}
	if rule.SessionPersistence != nil {
		c.ignored(field+".sessionPersistence", "is not supported; requests are balanced as without it", "use a DestinationRule with consistentHash.httpCookie")
	}
	for i, f := range rule.Filters {
		r.filter(fmt.Sprintf("%s.filters[%d]", field, i), f)
	}
	c.timeouts(r.route, field, rule)
	if r.route.Redirect != nil {
		r.route.Rewrite, r.rewrite = nil, nil
		r.route.Mirrors, r.route.Retries, r.route.Timeout = nil, nil, nil
		if len(rule.BackendRefs) > 0 {
			c.invalid(field+".backendRefs", "every request is redirected; the backends get none", "remove them")
		}
		return r
	}
	if r.broken {
		r.refuse()
		return r
	}
	r.backends(field, rule.BackendRefs)
	return r
}

// refuse answers every request with 500.
func (r *ruleResult) refuse() {
	r.route = &networking.HTTPRoute{Name: r.route.Name, DirectResponse: &networking.HTTPDirectResponse{Status: 500}}
	r.rewrite, r.redirect = nil, nil
}

// backends sets where requests go. Without any backend that has a weight they are answered with 500, as the Gateway API says.
func (r *ruleResult) backends(field string, refs []gatewayv1.HTTPBackendRef) {
	weights, found := int64(0), false
	for i, ref := range refs {
		at := fmt.Sprintf("%s.backendRefs[%d]", field, i)
		d, ok := r.backend(at, ref.BackendObjectReference)
		out := &networking.HTTPRouteDestination{Destination: d, Weight: or(ref.Weight, 1)}
		for j, f := range ref.Filters {
			if !r.backendFilter(fmt.Sprintf("%s.filters[%d]", at, j), f, out) {
				ok = false
				d.Host = unresolved
			}
		}
		if out.Weight > 0 {
			found = found || ok
			weights += int64(out.Weight)
		}
		r.route.Route = append(r.route.Route, out)
	}
	switch {
	case len(refs) == 0:
		r.fail(field+".backendRefs", "there is no backend; requests get 500", "add a backend, or a RequestRedirect filter")
	case weights == 0:
		r.weightless(field+".backendRefs", "no backend has any weight; requests get 500", "give the backends weights")
	case found:
		return
	}
	r.refuse()
}
