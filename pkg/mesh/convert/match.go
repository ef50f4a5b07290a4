package convert

import (
	"fmt"
	"regexp"
	"strings"

	networking "istio.io/api/networking/v1alpha3"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

func exactly(v string) *networking.StringMatch {
	return &networking.StringMatch{MatchType: &networking.StringMatch_Exact{Exact: v}}
}

func prefixed(v string) *networking.StringMatch {
	return &networking.StringMatch{MatchType: &networking.StringMatch_Prefix{Prefix: v}}
}

func matching(v string) *networking.StringMatch {
	return &networking.StringMatch{MatchType: &networking.StringMatch_Regex{Regex: v}}
}

// match translates a match; false leaves it out, with the requests that only it would take.
func (c *converter) match(field string, m gatewayv1.HTTPRouteMatch) (*networking.HTTPMatchRequest, bool) {
	out := &networking.HTTPMatchRequest{}
	uri, ok := c.path(field+".path", m.Path)
	if !ok {
		return nil, false
	}
	out.Uri = uri
	if m.Method != nil {
		out.Method = exactly(string(*m.Method))
	}
	for i, h := range m.Headers {
		name := strings.ToLower(string(h.Name))
		if out.Headers[name] != nil { // of equal names the first counts
			continue
		}
		if out.Headers == nil {
			out.Headers = map[string]*networking.StringMatch{}
		}
		if out.Headers[name], ok = c.value(fmt.Sprintf("%s.headers[%d]", field, i), string(or(h.Type, gatewayv1.HeaderMatchExact)), h.Value); !ok {
			return nil, false
		}
	}
	for i, q := range m.QueryParams {
		name := string(q.Name)
		if out.QueryParams[name] != nil {
			continue
		}
		if out.QueryParams == nil {
			out.QueryParams = map[string]*networking.StringMatch{}
		}
		if out.QueryParams[name], ok = c.value(fmt.Sprintf("%s.queryParams[%d]", field, i), string(or(q.Type, gatewayv1.QueryParamMatchExact)), q.Value); !ok {
			return nil, false
		}
	}
	return out, true
}

// value translates a match of a header or parameter.
func (c *converter) value(field, kind, value string) (*networking.StringMatch, bool) {
	switch kind {
	case string(gatewayv1.HeaderMatchExact):
		return exactly(value), true
	case string(gatewayv1.HeaderMatchRegularExpression):
		return matching(value), c.regex(field+".value", value)
	}
	c.invalid(field+".type", fmt.Sprintf("%q is no kind of match; the match is left out", kind), "use Exact or RegularExpression")
	return nil, false
}

func (c *converter) regex(field, pattern string) bool {
	if _, err := regexp.Compile(pattern); err != nil || pattern == "" {
		c.invalid(field, fmt.Sprintf("%q is not a regular expression that Envoy takes; the match is left out", pattern), "see the RE2 syntax")
		return false
	}
	return true
}

// path translates a path. A prefix stands for whole segments: /a takes /a and /a/b, not /ab.
func (c *converter) path(field string, p *gatewayv1.HTTPPathMatch) (*networking.StringMatch, bool) {
	if p == nil {
		return prefixed("/"), true
	}
	value := or(p.Value, "/")
	kind := or(p.Type, gatewayv1.PathMatchPathPrefix)
	if kind == gatewayv1.PathMatchRegularExpression {
		return matching(value), c.regex(field+".value", value)
	}
	if !strings.HasPrefix(value, "/") || strings.ContainsAny(value, "?#") {
		c.invalid(field+".value", fmt.Sprintf("%q is not an absolute path; the match is left out", value), "begin it with a slash, and leave out the query")
		return nil, false
	}
	switch kind {
	case gatewayv1.PathMatchExact:
		return exactly(value), true
	case gatewayv1.PathMatchPathPrefix:
		return prefixed(segments(value)), true
	}
	c.invalid(field+".type", fmt.Sprintf("%q is no kind of match; the match is left out", kind), "use Exact, PathPrefix or RegularExpression")
	return nil, false
}

// segments is a prefix without the slash at its end, which makes no difference.
func segments(prefix string) string {
	if p := strings.TrimRight(prefix, "/"); p != "" {
		return p
	}
	return "/"
}
