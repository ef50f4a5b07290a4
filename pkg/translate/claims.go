package translate

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/mesh"
)

const claimPrefix = mesh.ClaimPrefix

// IsClaim reports whether a name among the headers of a match means a claim of the request's token.
func IsClaim(header string) bool {
	path, claim := claimPath(header)
	return claim && len(path) > 0
}

// claimPath reads "@request.auth.claims.NAME.NESTED" and "@request.auth.claims[NAME][NESTED]". claim is false for headers.
func claimPath(name string) (path []string, claim bool) {
	if len(name) < len(claimPrefix) || !strings.EqualFold(name[:len(claimPrefix)], claimPrefix) {
		return nil, false
	}
	rest := name[len(claimPrefix):]
	switch {
	case strings.HasPrefix(rest, ".") && len(rest) > 1:
		return strings.Split(rest[1:], "."), true
	case strings.HasPrefix(rest, "[") && strings.HasSuffix(rest, "]") && len(rest) > 2:
		return strings.Split(rest[1:len(rest)-1], "]["), true
	}
	return nil, true
}

// claims matches the claims among the headers of a match, or with invert among those that must not be there.
func (b *routeBuilder) claims(out *routev3.RouteMatch, headers map[string]*networking.StringMatch, path string, invert bool) bool {
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		keys, isClaim := claimPath(name)
		if !isClaim {
			continue
		}
		matcher, ok := b.claim(name, keys, headers[name], path+"."+name, invert)
		if !ok {
			return false
		}
		out.DynamicMetadata = append(out.DynamicMetadata, matcher)
	}
	return true
}

// claim matches a claim that is a string, or a list with such a string.
func (b *routeBuilder) claim(name string, path []string, m *networking.StringMatch, at string, invert bool) (*matcherv3.MetadataMatcher, bool) {
	switch {
	case b.in.Proxy != mesh.Router:
		b.notes.fail(at, "claims decide about routes only at gateways, where the token is known before the route is chosen",
			"bind the VirtualService to a Gateway and remove mesh from spec.gateways")
		return nil, false
	case len(path) == 0 || strings.Contains("\x00"+strings.Join(path, "\x00")+"\x00", "\x00\x00"):
		b.notes.fail(at, strconv.Quote(name)+" names no claim", "write "+claimPrefix+".NAME or "+claimPrefix+"[NAME]")
		return nil, false
	}
	out := &matcherv3.MetadataMatcher{Filter: jwtFilter, Invert: invert}
	for _, key := range append([]string{jwtPayload}, path...) {
		out.Path = append(out.Path, &matcherv3.MetadataMatcher_PathSegment{Segment: &matcherv3.MetadataMatcher_PathSegment_Key{Key: key}})
	}
	if m.GetMatchType() == nil || m.GetRegex() == "*" {
		out.Value = &matcherv3.ValueMatcher{MatchPattern: &matcherv3.ValueMatcher_PresentMatch{PresentMatch: true}}
		return out, true
	}
	s, ok := b.stringMatch(m, at)
	if !ok {
		return nil, false
	}
	one := &matcherv3.ValueMatcher{MatchPattern: &matcherv3.ValueMatcher_StringMatch{StringMatch: s}}
	inList := &matcherv3.ValueMatcher{MatchPattern: &matcherv3.ValueMatcher_ListMatch{ListMatch: &matcherv3.ListMatcher{
		MatchPattern: &matcherv3.ListMatcher_OneOf{OneOf: one},
	}}}
	out.Value = &matcherv3.ValueMatcher{MatchPattern: &matcherv3.ValueMatcher_OrMatch{
		OrMatch: &matcherv3.OrMatcher{ValueMatchers: []*matcherv3.ValueMatcher{one, inList}},
	}}
	return out, true
}
