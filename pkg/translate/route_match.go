package translate

import (
	"maps"
	"regexp"
	"slices"
	"strconv"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"
	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/config/codes"
)

func field(path string, index int) string { return path + "[" + strconv.Itoa(index) + "]" }

func anyRequest() *routev3.RouteMatch {
	return &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}}
}

// takesAll reports whether no request gets past the match.
func takesAll(m *routev3.RouteMatch) bool { return proto.Equal(m, anyRequest()) }

// match translates the runtime part of a match; ok is false when Envoy could not take it.
func (b *routeBuilder) match(m *networking.HTTPMatchRequest, path string) (*routev3.RouteMatch, bool) {
	out, ok := b.uri(m.GetUri(), path+".uri")
	if !ok {
		return nil, false
	}
	if m.GetIgnoreUriCase() {
		out.CaseSensitive = wrapperspb.Bool(false)
	}
	for _, h := range [...]struct {
		header, field string
		match         *networking.StringMatch
	}{{":method", "method", m.GetMethod()}, {":authority", "authority", m.GetAuthority()}, {":scheme", "scheme", m.GetScheme()}} {
		if h.match.GetMatchType() == nil {
			continue
		}
		matcher, ok := b.header(h.header, h.match, path+"."+h.field)
		if !ok {
			return nil, false
		}
		out.Headers = append(out.Headers, matcher)
	}
	for _, name := range slices.Sorted(maps.Keys(m.GetHeaders())) {
		if pseudo(name) {
			continue
		}
		matcher, ok := b.header(name, m.GetHeaders()[name], path+".headers."+name)
		if !ok {
			return nil, false
		}
		out.Headers = append(out.Headers, matcher)
	}
	for _, name := range slices.Sorted(maps.Keys(m.GetWithoutHeaders())) {
		if pseudo(name) {
			continue
		}
		matcher, ok := b.header(name, m.GetWithoutHeaders()[name], path+".withoutHeaders."+name)
		if !ok {
			return nil, false
		}
		matcher.InvertMatch = true
		matcher.TreatMissingHeaderAsEmpty = matcher.GetStringMatch() != nil
		out.Headers = append(out.Headers, matcher)
	}
	if !b.claims(out, m.GetHeaders(), path+".headers", false) || !b.claims(out, m.GetWithoutHeaders(), path+".withoutHeaders", true) ||
		!b.queryParams(out, m.GetQueryParams(), path) {
		return nil, false
	}
	return out, true
}

// pseudo reports whether a name among headers is none that requests have: claims, and what the API reference says is ignored.
func pseudo(name string) bool {
	_, claim := claimPath(name)
	return claim || name == "uri" || name == "scheme" || name == "method" || name == "authority"
}

func (b *routeBuilder) uri(m *networking.StringMatch, path string) (*routev3.RouteMatch, bool) {
	switch m := m.GetMatchType().(type) {
	case *networking.StringMatch_Exact:
		return &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Path{Path: m.Exact}}, true
	case *networking.StringMatch_Prefix:
		if m.Prefix == "" {
			return anyRequest(), true
		}
		if b.virtual.Precise() && m.Prefix != "/" {
			return &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_PathSeparatedPrefix{PathSeparatedPrefix: m.Prefix}}, true
		}
		return &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: m.Prefix}}, true
	case *networking.StringMatch_Regex:
		if !b.regex(m.Regex, path) {
			return nil, false
		}
		return &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_SafeRegex{SafeRegex: &matcherv3.RegexMatcher{Regex: m.Regex}}}, true
	default:
		return anyRequest(), true
	}
}

// header matches one header; a match without a value asks only whether the header is there.
func (b *routeBuilder) header(name string, m *networking.StringMatch, path string) (*routev3.HeaderMatcher, bool) {
	if !headerName(name) {
		b.notes.fail(path, strconv.Quote(name)+" is not the name of a header", "use lower case letters, digits and hyphens")
		return nil, false
	}
	out := &routev3.HeaderMatcher{Name: name}
	if m.GetMatchType() == nil || m.GetRegex() == "*" {
		out.HeaderMatchSpecifier = &routev3.HeaderMatcher_PresentMatch{PresentMatch: true}
		return out, true
	}
	s, ok := b.stringMatch(m, path)
	if !ok {
		return nil, false
	}
	out.HeaderMatchSpecifier = &routev3.HeaderMatcher_StringMatch{StringMatch: s}
	return out, true
}

func (b *routeBuilder) queryParams(out *routev3.RouteMatch, params map[string]*networking.StringMatch, path string) bool {
	for _, name := range slices.Sorted(maps.Keys(params)) {
		if name == "" {
			continue
		}
		q := &routev3.QueryParameterMatcher{Name: name}
		if params[name].GetMatchType() == nil {
			q.QueryParameterMatchSpecifier = &routev3.QueryParameterMatcher_PresentMatch{PresentMatch: true}
		} else {
			s, ok := b.stringMatch(params[name], path+".queryParams."+name)
			if !ok {
				return false
			}
			q.QueryParameterMatchSpecifier = &routev3.QueryParameterMatcher_StringMatch{StringMatch: s}
		}
		out.QueryParameters = append(out.QueryParameters, q)
	}
	return true
}

func (b *routeBuilder) stringMatch(m *networking.StringMatch, path string) (*matcherv3.StringMatcher, bool) {
	switch m := m.GetMatchType().(type) {
	case *networking.StringMatch_Prefix:
		if m.Prefix == "" { // every value has the empty prefix, and Envoy refuses it
			return &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_SafeRegex{SafeRegex: &matcherv3.RegexMatcher{Regex: ".*"}}}, true
		}
		return startingWith(m.Prefix), true
	case *networking.StringMatch_Regex:
		if !b.regex(m.Regex, path) {
			return nil, false
		}
		return &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_SafeRegex{SafeRegex: &matcherv3.RegexMatcher{Regex: m.Regex}}}, true
	case *networking.StringMatch_Exact:
		return exactly(m.Exact), true
	}
	return exactly(""), true
}

// regex reports whether a pattern is RE2 as Envoy takes it; Go's syntax is the same.
func (b *routeBuilder) regex(pattern, path string) bool {
	if pattern == "" {
		b.notes.failAs(codes.SchemaError, path, "the regular expression is empty", "write .* for any value")
		return false
	}
	if _, err := regexp.Compile(pattern); err != nil {
		b.notes.failAs(codes.SchemaError, path, "Envoy cannot compile the regular expression: "+err.Error(), "see the RE2 syntax")
		return false
	}
	return true
}
