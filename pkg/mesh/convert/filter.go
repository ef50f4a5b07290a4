package convert

import (
	"fmt"
	"regexp"
	"strings"

	networking "istio.io/api/networking/v1alpha3"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// ruleResult is a rule while it is made.
type ruleResult struct {
	*converter
	route *networking.HTTPRoute
	// rewrite and redirect change the path, which depends on what matched.
	rewrite, redirect *gatewayv1.HTTPPathModifier
	// broken: a filter cannot be applied, so that requests must not pass.
	broken bool
}

// filter applies one filter. What cannot be applied makes the rule answer with 500, as the Gateway API says.
func (r *ruleResult) filter(field string, f gatewayv1.HTTPRouteFilter) {
	switch {
	case f.Type == gatewayv1.HTTPRouteFilterRequestHeaderModifier && f.RequestHeaderModifier != nil:
		r.headers().Request = operations(f.RequestHeaderModifier, r.headers().Request)
	case f.Type == gatewayv1.HTTPRouteFilterResponseHeaderModifier && f.ResponseHeaderModifier != nil:
		r.headers().Response = operations(f.ResponseHeaderModifier, r.headers().Response)
	case f.Type == gatewayv1.HTTPRouteFilterRequestRedirect && f.RequestRedirect != nil:
		r.redirects(field+".requestRedirect", f.RequestRedirect)
	case f.Type == gatewayv1.HTTPRouteFilterURLRewrite && f.URLRewrite != nil:
		if r.route.Rewrite == nil {
			r.route.Rewrite = &networking.HTTPRewrite{}
		}
		r.route.Rewrite.Authority = string(or(f.URLRewrite.Hostname, ""))
		r.rewrite = f.URLRewrite.Path
	case f.Type == gatewayv1.HTTPRouteFilterRequestMirror && f.RequestMirror != nil:
		r.mirror(field+".requestMirror", f.RequestMirror)
	case f.Type == gatewayv1.HTTPRouteFilterCORS && f.CORS != nil:
		r.route.CorsPolicy = r.cors(field+".cors", f.CORS)
	case f.Type == gatewayv1.HTTPRouteFilterExternalAuth:
		r.refuseFilter(field+".type", "external authorization by a route is not supported", "use an AuthorizationPolicy with action CUSTOM")
	case f.Type == gatewayv1.HTTPRouteFilterExtensionRef:
		r.refuseFilter(field+".type", "there are no filters of this mesh's own to refer to", "remove the filter, or use an EnvoyFilter")
	default:
		r.refuseFilter(field+".type", fmt.Sprintf("a filter of type %q needs the field of that name", f.Type), "add it, or correct the type")
	}
}

func (r *ruleResult) refuseFilter(field, message, fix string) {
	r.broken = true
	r.fail(field, message+"; requests of this rule get 500", fix)
}

// backendFilter applies a filter to the requests of one backend; false when it cannot.
func (r *ruleResult) backendFilter(field string, f gatewayv1.HTTPRouteFilter, d *networking.HTTPRouteDestination) bool {
	if d.Headers == nil {
		d.Headers = &networking.Headers{}
	}
	switch {
	case f.Type == gatewayv1.HTTPRouteFilterRequestHeaderModifier && f.RequestHeaderModifier != nil:
		d.Headers.Request = operations(f.RequestHeaderModifier, d.Headers.Request)
	case f.Type == gatewayv1.HTTPRouteFilterResponseHeaderModifier && f.ResponseHeaderModifier != nil:
		d.Headers.Response = operations(f.ResponseHeaderModifier, d.Headers.Response)
	default:
		r.fail(field, fmt.Sprintf("a filter of type %q is not supported for one backend; its share of requests gets 500", f.Type), "put it into the filters of the rule")
		return false
	}
	return true
}

func (r *ruleResult) headers() *networking.Headers {
	if r.route.Headers == nil {
		r.route.Headers = &networking.Headers{}
	}
	return r.route.Headers
}

func operations(f *gatewayv1.HTTPHeaderFilter, had *networking.Headers_HeaderOperations) *networking.Headers_HeaderOperations {
	out := had
	if out == nil {
		out = &networking.Headers_HeaderOperations{Set: map[string]string{}, Add: map[string]string{}}
	}
	for _, h := range f.Set {
		out.Set[strings.ToLower(string(h.Name))] = h.Value
	}
	for _, h := range f.Add {
		out.Add[strings.ToLower(string(h.Name))] = h.Value
	}
	for _, name := range f.Remove {
		out.Remove = append(out.Remove, strings.ToLower(name))
	}
	return out
}

// redirects sends clients elsewhere: with 302 unless told otherwise, to the same port unless scheme or port say otherwise.
func (r *ruleResult) redirects(field string, f *gatewayv1.HTTPRequestRedirectFilter) {
	out := &networking.HTTPRedirect{RedirectCode: uint32(or(f.StatusCode, 302)), Scheme: or(f.Scheme, ""), Authority: string(or(f.Hostname, ""))}
	if p := or(f.Port, 80); p < 1 || p > 65535 {
		r.refuseFilter(field+".port", fmt.Sprintf("port %d is not between 1 and 65535", p), "write for example 8443")
		return
	}
	usual := map[string]gatewayv1.PortNumber{"http": 80, "https": 443}[out.Scheme]
	switch {
	case f.Port != nil && *f.Port != usual:
		out.RedirectPort = &networking.HTTPRedirect_Port{Port: uint32(*f.Port)}
	case f.Port == nil && f.Scheme == nil:
		out.RedirectPort = &networking.HTTPRedirect_DerivePort{DerivePort: networking.HTTPRedirect_FROM_REQUEST_PORT}
	default:
		out.RedirectPort = &networking.HTTPRedirect_DerivePort{DerivePort: networking.HTTPRedirect_FROM_PROTOCOL_DEFAULT}
	}
	r.route.Redirect, r.redirect = out, f.Path
}

func (r *ruleResult) mirror(field string, f *gatewayv1.HTTPRequestMirrorFilter) {
	d, ok := r.backend(field+".backendRef", f.BackendRef)
	if !ok {
		return
	}
	share := 100.0
	if f.Percent != nil {
		share = float64(*f.Percent)
	} else if f.Fraction != nil {
		of := or(f.Fraction.Denominator, 100)
		if of <= 0 {
			r.invalid(field+".fraction.denominator", "must be more than 0; nothing is mirrored", "write for example 100")
			return
		}
		share = 100 * float64(f.Fraction.Numerator) / float64(of)
	}
	r.route.Mirrors = append(r.route.Mirrors, &networking.HTTPMirrorPolicy{Destination: d, Percentage: &networking.Percent{Value: min(max(share, 0), 100)}})
}

// paths sets how the path changes where a match took the request.
func (r *ruleResult) paths(route *networking.HTTPRoute, match *networking.HTTPMatchRequest) {
	if p := r.rewrite; p != nil && route.Rewrite != nil {
		route.Rewrite.UriRegexRewrite = pathRewrite(p, match)
	}
	if p := r.redirect; p != nil && route.Redirect != nil {
		if p.Type == gatewayv1.FullPathHTTPPathModifier {
			route.Redirect.Uri = or(p.ReplaceFullPath, "/")
			if route.Redirect.Uri == "" {
				route.Redirect.Uri = "/"
			}
		} else {
			route.Redirect.PrefixRewrite = segments(or(p.ReplacePrefixMatch, "/"))
		}
	}
	if route.Rewrite != nil && route.Rewrite.Authority == "" && route.Rewrite.UriRegexRewrite == nil {
		route.Rewrite = nil
	}
}

// pathRewrite replaces the whole path, or the segments that matched.
func pathRewrite(p *gatewayv1.HTTPPathModifier, match *networking.HTTPMatchRequest) *networking.RegexRewrite {
	if p.Type == gatewayv1.FullPathHTTPPathModifier {
		full := or(p.ReplaceFullPath, "/")
		if full == "" {
			full = "/"
		}
		return &networking.RegexRewrite{Match: "^.*$", Rewrite: literal(full)}
	}
	pattern, substitution := PrefixRewrite(match.GetUri().GetPrefix(), or(p.ReplacePrefixMatch, "/"))
	return &networking.RegexRewrite{Match: pattern, Rewrite: substitution}
}

// PrefixRewrite is the expression, and what to put in its place, that replace the segments of a prefix: of /a/b with the prefix /a
// replaced by /x remains /x/b, replaced by / it is /b.
func PrefixRewrite(prefix, replacement string) (pattern, substitution string) {
	prefix, replacement = strings.TrimRight(prefix, "/"), strings.TrimRight(replacement, "/")
	if replacement == "" {
		return "^" + regexp.QuoteMeta(prefix) + "/*(.*)$", `/\1`
	}
	return "^" + regexp.QuoteMeta(prefix) + "(/.*)?$", literal(replacement) + `\1`
}

// literal writes a text so that no part of it stands for what an expression matched.
func literal(s string) string { return strings.ReplaceAll(s, `\`, `\\`) }
