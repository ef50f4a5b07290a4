package convert

import (
	"fmt"
	"regexp"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// grpcRoute converts what HTTPRoutes say as well, with methods as the paths that they are in HTTP.
func (c *converter) grpcRoute() {
	r, ok := c.object.Spec.(*gatewayv1.GRPCRoute)
	if !ok {
		return
	}
	a := c.attach(r.Spec.CommonRouteSpec, r.Spec.Hostnames)
	var rules []gatewayv1.HTTPRouteRule
	for i, rule := range r.Spec.Rules {
		out := gatewayv1.HTTPRouteRule{Name: rule.Name, SessionPersistence: rule.SessionPersistence, Filters: httpFilters(rule.Filters)}
		for j, m := range rule.Matches {
			out.Matches = append(out.Matches, c.grpcMatch(fmt.Sprintf("spec.rules[%d].matches[%d]", i, j), m))
		}
		for _, b := range rule.BackendRefs {
			out.BackendRefs = append(out.BackendRefs, gatewayv1.HTTPBackendRef{BackendRef: b.BackendRef, Filters: httpFilters(b.Filters)})
		}
		rules = append(rules, out)
	}
	c.requests(a, r.Spec.Hostnames, c.rules(rules))
}

func httpFilters(list []gatewayv1.GRPCRouteFilter) []gatewayv1.HTTPRouteFilter {
	var out []gatewayv1.HTTPRouteFilter
	for _, f := range list {
		out = append(out, gatewayv1.HTTPRouteFilter{
			Type: gatewayv1.HTTPRouteFilterType(f.Type), RequestHeaderModifier: f.RequestHeaderModifier,
			ResponseHeaderModifier: f.ResponseHeaderModifier, RequestMirror: f.RequestMirror, ExtensionRef: f.ExtensionRef,
		})
	}
	return out
}

// anySegment stands for the name of any service or method.
const anySegment = "[^/]+"

func (c *converter) grpcMatch(field string, m gatewayv1.GRPCRouteMatch) gatewayv1.HTTPRouteMatch {
	var out gatewayv1.HTTPRouteMatch
	for _, h := range m.Headers {
		kind := gatewayv1.HeaderMatchType(or(h.Type, gatewayv1.GRPCHeaderMatchExact))
		out.Headers = append(out.Headers, gatewayv1.HTTPHeaderMatch{Type: &kind, Name: gatewayv1.HTTPHeaderName(h.Name), Value: h.Value})
	}
	if m.Method == nil {
		return out
	}
	service, method := or(m.Method.Service, ""), or(m.Method.Method, "")
	kind, path := gatewayv1.PathMatchExact, "/"+service+"/"+method
	switch regex := or(m.Method.Type, gatewayv1.GRPCMethodMatchExact) == gatewayv1.GRPCMethodMatchRegularExpression; {
	case service == "" && method == "":
		c.invalid(field+".method", "a method match needs a service or a method; it takes every call", "add one of them")
		kind, path = gatewayv1.PathMatchPathPrefix, "/"
	case regex:
		kind, path = gatewayv1.PathMatchRegularExpression, "/"+group(service)+"/"+group(method)
	case method == "":
		kind, path = gatewayv1.PathMatchPathPrefix, "/"+service
	case service == "":
		kind, path = gatewayv1.PathMatchRegularExpression, "/"+anySegment+"/"+regexp.QuoteMeta(method)
	}
	out.Path = &gatewayv1.HTTPPathMatch{Type: &kind, Value: &path}
	return out
}

// group keeps an expression apart from what stands around it.
func group(expression string) string {
	if expression == "" {
		return anySegment
	}
	return "(?:" + expression + ")"
}
