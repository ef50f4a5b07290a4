package translate

import (
	"cmp"
	"slices"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// ranked is a rule of a precise VirtualService with what decides its place.
type ranked struct {
	virtual *mesh.VirtualService
	rule    *networking.HTTPRoute
	path    string
	// of the VirtualService's hosts, the most specific that covers the virtual host's.
	host string
}

// precise translates the rules of all precise VirtualServices: those that say more of a request come first. See "HTTPRouteRule" in the
// reference of the Gateway API; expressions come after paths, as with Istio.
func (b *routeBuilder) precise() (out, rest []*routev3.Route) {
	var list []ranked
	for _, vs := range b.in.Virtual {
		if !vs.Precise() {
			continue
		}
		host := b.mostSpecific(vs.Spec.GetHosts())
		for i, rule := range vs.Spec.GetHttp() {
			list = append(list, ranked{vs, rule, field("spec.http", i), host})
		}
	}
	slices.SortStableFunc(list, comparePrecedence)
	for _, r := range list {
		b.virtual, b.notes.object = r.virtual, r.virtual.Object.Key
		routes, all := b.rule(r.rule, r.path)
		out = append(out, routes...)
		if all {
			return out[:len(out)-1], out[len(out)-1:]
		}
	}
	return out, nil
}

// mostSpecific returns the host with the most characters that covers the virtual host's domain.
func (b *routeBuilder) mostSpecific(hosts []string) string {
	best := ""
	for _, domain := range b.in.Domains {
		for _, h := range hosts {
			if h = strings.ToLower(h); standsFor(h, domain) && compareHosts(h, best) < 0 {
				best = h
			}
		}
	}
	return best
}

// compareHosts orders names before wildcards, and those with more characters first.
func compareHosts(a, b string) int {
	return cmp.Or(cmp.Compare(nameLength(b), nameLength(a)), cmp.Compare(len(b), len(a)))
}

func nameLength(host string) int {
	if strings.HasPrefix(host, "*") {
		return 0
	}
	return len(host)
}

func comparePrecedence(a, b ranked) int {
	m, n := firstMatch(a.rule), firstMatch(b.rule)
	aKey, bKey := a.virtual.Object.Key.Origin(), b.virtual.Object.Key.Origin()
	aKind, aLength := pathRank(m.GetUri(), aKey.Kind)
	bKind, bLength := pathRank(n.GetUri(), bKey.Kind)
	return cmp.Or(
		compareHosts(a.host, b.host), cmp.Compare(bKind, aKind), cmp.Compare(bLength, aLength),
		cmp.Compare(min(1, len(n.GetMethod().GetExact())), min(1, len(m.GetMethod().GetExact()))),
		cmp.Compare(len(n.GetHeaders()), len(m.GetHeaders())), cmp.Compare(len(n.GetQueryParams()), len(m.GetQueryParams())),
		a.virtual.Object.Meta.Created.Compare(b.virtual.Object.Meta.Created),
		strings.Compare(aKey.Namespace, bKey.Namespace), strings.Compare(aKey.Name, bKey.Name),
	)
}

func firstMatch(r *networking.HTTPRoute) *networking.HTTPMatchRequest {
	if len(r.GetMatch()) == 0 {
		return nil
	}
	return r.GetMatch()[0]
}

// pathRank says how much a match says of the path. Expressions of an Ingress are prefixes that may end within a segment.
func pathRank(m *networking.StringMatch, of config.Kind) (kind, length int) {
	switch m := m.GetMatchType().(type) {
	case *networking.StringMatch_Exact:
		return 3, len(m.Exact)
	case *networking.StringMatch_Prefix:
		return 2, len(m.Prefix)
	case *networking.StringMatch_Regex:
		if of == config.Ingress {
			return 2, len(m.Regex) - len(".*")
		}
		return 1, len(m.Regex)
	}
	return 0, 0
}
