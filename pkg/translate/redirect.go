package translate

import (
	"strconv"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/mesh/convert"
)

var redirectCodes = map[uint32]routev3.RedirectAction_RedirectResponseCode{
	0:   routev3.RedirectAction_MOVED_PERMANENTLY,
	301: routev3.RedirectAction_MOVED_PERMANENTLY,
	302: routev3.RedirectAction_FOUND,
	303: routev3.RedirectAction_SEE_OTHER,
	307: routev3.RedirectAction_TEMPORARY_REDIRECT,
	308: routev3.RedirectAction_PERMANENT_REDIRECT,
}

// redirect sends the client elsewhere. What the rule does not name stays as in the request.
func (b *routeBuilder) redirect(r *networking.HTTPRedirect, match *networking.HTTPMatchRequest, path string) *routev3.RedirectAction {
	code, ok := redirectCodes[r.GetRedirectCode()]
	if !ok {
		b.notes.failAs(codes.SchemaError, path+".redirectCode", strconv.Itoa(int(r.GetRedirectCode()))+" is no redirect that Envoy knows", "use 301, 302, 303, 307 or 308")
	}
	out := &routev3.RedirectAction{ResponseCode: code}
	out.HostRedirect = b.sendable(r.GetAuthority(), path+".authority")
	if prefix := b.sendable(r.GetPrefixRewrite(), path+".prefixRewrite"); prefix != "" && b.virtual.Precise() { // whole segments of the path, which Envoy's own replacement does not know
		pattern, substitution := convert.PrefixRewrite(match.GetUri().GetPrefix(), prefix)
		out.PathRewriteSpecifier = &routev3.RedirectAction_RegexRewrite{RegexRewrite: &matcherv3.RegexMatchAndSubstitute{
			Pattern: &matcherv3.RegexMatcher{Regex: pattern}, Substitution: substitution,
		}}
	} else if prefix != "" {
		out.PathRewriteSpecifier = &routev3.RedirectAction_PrefixRewrite{PrefixRewrite: prefix}
	} else if uri := b.sendable(r.GetUri(), path+".uri"); uri != "" {
		out.PathRewriteSpecifier = &routev3.RedirectAction_PathRedirect{PathRedirect: uri}
	}
	if b.sendable(r.GetScheme(), path+".scheme") != "" {
		out.SchemeRewriteSpecifier = &routev3.RedirectAction_SchemeRedirect{SchemeRedirect: r.GetScheme()}
	}
	switch p := r.GetRedirectPort().(type) {
	case *networking.HTTPRedirect_Port:
		if p.Port <= 65535 {
			out.PortRedirect = p.Port
		}
	case *networking.HTTPRedirect_DerivePort:
		// The scheme's default port is what Envoy chooses by itself; the request's port is the one being served here.
		usual := b.virtual.Precise() && (b.in.Port.Number == 80 || b.in.Port.Number == 443) // which need no mention
		if p.DerivePort == networking.HTTPRedirect_FROM_REQUEST_PORT && !usual {
			out.PortRedirect = b.in.Port.Number
		}
	}
	return out
}
