package translate

import (
	"strconv"
	"strings"
	"time"

	corsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/cors/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"
	networking "istio.io/api/networking/v1alpha3"
)

const corsFilter = "envoy.filters.http.cors"

// cors is a rule's corsPolicy for the filter in every HTTP listener.
func (b *routeBuilder) cors(c *networking.CorsPolicy, path string) *corsv3.CorsPolicy {
	if c == nil {
		return nil
	}
	out := &corsv3.CorsPolicy{
		AllowMethods: b.tokens(c.GetAllowMethods(), path+".allowMethods"), AllowHeaders: b.tokens(c.GetAllowHeaders(), path+".allowHeaders"),
		ExposeHeaders: b.tokens(c.GetExposeHeaders(), path+".exposeHeaders"), AllowCredentials: c.GetAllowCredentials(),
	}
	for i, m := range c.GetAllowOrigins() {
		if s, ok := b.stringMatch(m, field(path+".allowOrigins", i)); ok {
			out.AllowOriginStringMatch = append(out.AllowOriginStringMatch, s)
		}
	}
	for _, o := range c.GetAllowOrigin() { //nolint:staticcheck // users' files have it
		if o == "*" {
			out.AllowOriginStringMatch = append(out.AllowOriginStringMatch,
				&matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_SafeRegex{SafeRegex: &matcherv3.RegexMatcher{Regex: ".*"}}})
			continue
		}
		out.AllowOriginStringMatch = append(out.AllowOriginStringMatch, exactly(o))
	}
	if notNegative(c.GetMaxAge()) {
		out.MaxAge = strconv.FormatInt(int64(c.GetMaxAge().AsDuration()/time.Second), 10)
	}
	if c.GetUnmatchedPreflights() == networking.CorsPolicy_IGNORE {
		out.ForwardNotMatchingPreflights = wrapperspb.Bool(false)
	}
	return out
}

// tokens joins names of methods and headers, "*" among them, as a response carries them.
func (b *routeBuilder) tokens(names []string, path string) string {
	var out []string
	for i, n := range names {
		if !headerName(n) || n[0] == ':' {
			b.notes.fail(field(path, i), strconv.Quote(n)+" is no name that a header can carry; it is left out", "use letters, digits and hyphens, or *")
			continue
		}
		out = append(out, n)
	}
	return strings.Join(out, ",")
}
