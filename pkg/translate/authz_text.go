package translate

import (
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
)

// pattern matches as the strings of rules do: exactly, by prefix ("abc*"), by suffix ("*abc"), or whatever is not empty ("*").
func pattern(v string) *matcherv3.StringMatcher {
	switch {
	case v == "*":
		return expression("(?s).+")
	case strings.HasPrefix(v, "*"):
		return &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Suffix{Suffix: v[1:]}}
	case strings.HasSuffix(v, "*"):
		return startingWith(v[:len(v)-1])
	}
	return exactly(v)
}

func expression(re string) *matcherv3.StringMatcher {
	return &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_SafeRegex{SafeRegex: &matcherv3.RegexMatcher{Regex: re}}}
}

// headerPattern matches a header. Presence is no expression: those do not match bytes that are not UTF-8.
func headerPattern(name, v string, anyCase bool) *routev3.HeaderMatcher {
	out := &routev3.HeaderMatcher{Name: name}
	text := pattern(v)
	if v == "*" {
		text, out.InvertMatch = exactly(""), true // of a header that is missing nothing is true
	}
	text.IgnoreCase = anyCase
	out.HeaderMatchSpecifier = &routev3.HeaderMatcher_StringMatch{StringMatch: text}
	return out
}

func metadata(filter string, path []string, value *matcherv3.ValueMatcher) *matcherv3.MetadataMatcher {
	out := &matcherv3.MetadataMatcher{Filter: filter, Value: value}
	for _, key := range path {
		out.Path = append(out.Path, &matcherv3.MetadataMatcher_PathSegment{Segment: &matcherv3.MetadataMatcher_PathSegment_Key{Key: key}})
	}
	return out
}

func textValue(m *matcherv3.StringMatcher) *matcherv3.ValueMatcher {
	return &matcherv3.ValueMatcher{MatchPattern: &matcherv3.ValueMatcher_StringMatch{StringMatch: m}}
}

// listOf matches a list with such an element.
func listOf(element *matcherv3.ValueMatcher) *matcherv3.ValueMatcher {
	return &matcherv3.ValueMatcher{MatchPattern: &matcherv3.ValueMatcher_ListMatch{ListMatch: &matcherv3.ListMatcher{
		MatchPattern: &matcherv3.ListMatcher_OneOf{OneOf: element},
	}}}
}

// textOrList matches text, or a list with such an element, as claims are either.
func textOrList(m *matcherv3.StringMatcher) *matcherv3.ValueMatcher {
	return &matcherv3.ValueMatcher{MatchPattern: &matcherv3.ValueMatcher_OrMatch{OrMatch: &matcherv3.OrMatcher{
		ValueMatchers: []*matcherv3.ValueMatcher{listOf(textValue(m)), textValue(m)},
	}}}
}
