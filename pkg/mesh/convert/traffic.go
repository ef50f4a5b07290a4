package convert

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
	networking "istio.io/api/networking/v1alpha3"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// retriable is what is tried again beside status codes: failures before the backend saw the request.
const retriable = "connect-failure,refused-stream,unavailable,cancelled"

// timeouts sets the time that requests have, and what is tried again.
func (c *converter) timeouts(r *networking.HTTPRoute, field string, rule gatewayv1.HTTPRouteRule) {
	var whole, each time.Duration
	if t := rule.Timeouts; t != nil {
		whole, each = c.duration(field+".timeouts.request", t.Request), c.duration(field+".timeouts.backendRequest", t.BackendRequest)
	}
	if rule.Retry == nil {
		if each > 0 && (whole == 0 || each < whole) { // one attempt is the whole request
			whole = each
		}
	} else {
		r.Retries = &networking.HTTPRetry{Attempts: int32(or(rule.Retry.Attempts, 1)), RetryOn: retriable}
		for _, code := range rule.Retry.Codes {
			r.Retries.RetryOn += "," + strconv.Itoa(int(code))
		}
		if each > 0 {
			r.Retries.PerTryTimeout = durationpb.New(each)
		}
		if b := c.duration(field+".retry.backoff", rule.Retry.Backoff); b > 0 {
			r.Retries.Backoff = durationpb.New(b)
		}
	}
	if whole > 0 {
		r.Timeout = durationpb.New(whole)
	}
}

// duration reads a duration; 0 where there is none.
func (c *converter) duration(field string, d *gatewayv1.Duration) time.Duration {
	if d == nil {
		return 0
	}
	out, err := time.ParseDuration(string(*d))
	if err != nil || out < 0 {
		c.invalid(field, fmt.Sprintf("%q is no duration; there is none", *d), "write for example 5s or 500ms")
		return 0
	}
	return out
}

// cors translates a policy for scripts of other origins.
func (c *converter) cors(field string, f *gatewayv1.HTTPCORSFilter) *networking.CorsPolicy {
	out := &networking.CorsPolicy{MaxAge: durationpb.New(5 * time.Second)}
	if f.MaxAge > 0 {
		out.MaxAge = durationpb.New(time.Duration(f.MaxAge) * time.Second)
	}
	for _, o := range f.AllowOrigins {
		out.AllowOrigins = append(out.AllowOrigins, corsOrigin(string(o)))
	}
	for _, m := range f.AllowMethods {
		out.AllowMethods = append(out.AllowMethods, string(m))
	}
	for _, h := range f.AllowHeaders {
		out.AllowHeaders = append(out.AllowHeaders, string(h))
	}
	for _, h := range f.ExposeHeaders {
		out.ExposeHeaders = append(out.ExposeHeaders, string(h))
	}
	if or(f.AllowCredentials, false) {
		out.AllowCredentials = wrapperspb.Bool(true)
		for _, l := range []struct {
			name string
			list []string
		}{{"allowMethods", out.AllowMethods}, {"allowHeaders", out.AllowHeaders}, {"exposeHeaders", out.ExposeHeaders}} {
			if slices.Contains(l.list, "*") {
				c.questionable(field+"."+l.name, `browsers take "*" literally for requests with credentials`, "list the names")
			}
		}
	}
	return out
}

// corsOrigin matches an origin, of which "*" stands for any part.
func corsOrigin(o string) *networking.StringMatch {
	switch {
	case o == "*":
		return matching(".*")
	case strings.Contains(o, "*"):
		parts := strings.Split(o, "*")
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		return matching(strings.Join(parts, ".+"))
	}
	return exactly(o)
}
