package translate

import (
	"regexp"
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"

	"github.com/meshctl/meshctl/pkg/authz/rules"
)

// principalKit makes what rules say of who asks.
func principalKit(t traffic) kit[*rbacv3.Principal] {
	domains := append([]string{t.config.TrustDomain}, t.config.Mesh.GetTrustDomainAliases()...)
	return kit[*rbacv3.Principal]{
		anything: &rbacv3.Principal{Identifier: &rbacv3.Principal_Any{Any: true}},
		not: func(p *rbacv3.Principal) *rbacv3.Principal {
			return &rbacv3.Principal{Identifier: &rbacv3.Principal_NotId{NotId: p}}
		},
		all: allPrincipals, either: anyPrincipal,
		match: func(c rules.Constraint, v string) *rbacv3.Principal {
			switch c.Attribute {
			case rules.Principal:
				return peers(rules.Principals([]string{v}, domains), principalName)
			case rules.TrustDomain:
				return peers(rules.TrustDomains([]string{v}, domains), trustDomainName)
			}
			return principal(c, v)
		},
	}
}

func allPrincipals(list []*rbacv3.Principal) *rbacv3.Principal {
	return &rbacv3.Principal{Identifier: &rbacv3.Principal_AndIds{AndIds: &rbacv3.Principal_Set{Ids: list}}}
}

func anyPrincipal(list []*rbacv3.Principal) *rbacv3.Principal {
	return &rbacv3.Principal{Identifier: &rbacv3.Principal_OrIds{OrIds: &rbacv3.Principal_Set{Ids: list}}}
}

// principal matches one value that is the same in every trust domain.
func principal(c rules.Constraint, v string) *rbacv3.Principal {
	switch c.Attribute {
	case rules.SourceIP:
		return &rbacv3.Principal{Identifier: &rbacv3.Principal_DirectRemoteIp{DirectRemoteIp: addressRange(v)}}
	case rules.RemoteIP:
		return &rbacv3.Principal{Identifier: &rbacv3.Principal_RemoteIp{RemoteIp: addressRange(v)}}
	case rules.Namespace:
		parts := strings.Split(v, "*")
		for i, p := range parts {
			parts[i] = regexp.QuoteMeta(p)
		}
		return peer(expression(`spiffe://.+/ns/` + strings.Join(parts, ".*") + `/.*`))
	case rules.ServiceAccount:
		namespace, name, _ := strings.Cut(v, "/")
		return peer(expression(`spiffe://.+/ns/` + regexp.QuoteMeta(namespace) + `/(.+/|)sa/` + regexp.QuoteMeta(name) + `(/.+)?`))
	case rules.Header:
		return &rbacv3.Principal{Identifier: &rbacv3.Principal_Header{Header: headerPattern(c.Key[0], v, false)}}
	case rules.RequestPrincipal:
		issuer, subject := requestPrincipal(v)
		return allPrincipals([]*rbacv3.Principal{
			principalMetadata(claimMatcher([]string{"iss"}, textValue(issuer))), principalMetadata(claimMatcher([]string{"sub"}, textValue(subject))),
		})
	case rules.Audiences:
		return principalMetadata(claimMatcher([]string{"aud"}, textOrList(pattern(v))))
	case rules.Presenter:
		return principalMetadata(claimMatcher([]string{"azp"}, textOrList(pattern(v))))
	case rules.Claim:
		return principalMetadata(claimMatcher(c.Key, textOrList(pattern(v))))
	}
	return nobody()
}

// nobody matches nothing: it stands where a constraint has no meaning, which rules.Parse excludes.
func nobody() *rbacv3.Principal {
	return &rbacv3.Principal{Identifier: &rbacv3.Principal_NotId{NotId: &rbacv3.Principal{Identifier: &rbacv3.Principal_Any{Any: true}}}}
}

// peers matches a client with one of the identities.
func peers(list []string, name func(string) *matcherv3.StringMatcher) *rbacv3.Principal {
	var out []*rbacv3.Principal
	for _, v := range list {
		out = append(out, peer(name(v)))
	}
	if len(out) == 1 {
		return out[0]
	}
	return anyPrincipal(out)
}

// peer matches the identity in the client's certificate.
func peer(name *matcherv3.StringMatcher) *rbacv3.Principal {
	return &rbacv3.Principal{Identifier: &rbacv3.Principal_Authenticated_{Authenticated: &rbacv3.Principal_Authenticated{PrincipalName: name}}}
}

const spiffe = "spiffe://"

// principalName matches the SPIFFE id of a principal, which is written without its scheme.
func principalName(v string) *matcherv3.StringMatcher {
	switch {
	case v == "*":
		return pattern(v)
	case strings.HasPrefix(v, "*"):
		return expression(spiffe + ".*" + regexp.QuoteMeta(v[1:]))
	}
	return pattern(spiffe + v)
}

func trustDomainName(v string) *matcherv3.StringMatcher {
	switch {
	case v == "*":
		return startingWith(spiffe)
	case !strings.Contains(v, "*"):
		return startingWith(spiffe + v + "/")
	}
	before, after, _ := strings.Cut(v, "*")
	return expression(spiffe + regexp.QuoteMeta(before) + "[^/]*" + regexp.QuoteMeta(after) + "/.*")
}

// requestPrincipal takes "ISSUER/SUBJECT" apart at the last slash, since issuers are URLs; a wildcard at one end leaves the other
// exact (Istio's request.auth.principal).
func requestPrincipal(v string) (issuer, subject *matcherv3.StringMatcher) {
	at := strings.LastIndexByte(v, '/')
	switch {
	case v == "*":
		return pattern("*"), pattern("*")
	case at < 0 && strings.HasPrefix(v, "*"):
		return pattern("*"), pattern(v)
	case at < 0 && strings.HasSuffix(v, "*"):
		return pattern(v), pattern("*")
	case at < 0:
		return exactly(v), exactly("")
	case strings.HasPrefix(v, "*"):
		return pattern(v[:at]), exactly(v[at+1:])
	case strings.HasSuffix(v, "/*"):
		return exactly(v[:at]), pattern("*")
	case strings.HasSuffix(v, "*"):
		return exactly(v[:at]), startingWith(v[at+1 : len(v)-1])
	}
	return exactly(v[:at]), exactly(v[at+1:])
}

func principalMetadata(m *matcherv3.MetadataMatcher) *rbacv3.Principal {
	return &rbacv3.Principal{Identifier: &rbacv3.Principal_SourcedMetadata{SourcedMetadata: &rbacv3.SourcedMetadata{MetadataMatcher: m}}}
}

// claimMatcher matches a claim of the token that the RequestAuthentication's filter verified.
func claimMatcher(path []string, value *matcherv3.ValueMatcher) *matcherv3.MetadataMatcher {
	return metadata(jwtFilter, slices.Concat([]string{jwtPayload}, path), value)
}

func addressRange(v string) *corev3.CidrRange {
	p, _ := rules.Range(v)
	return cidr(p.Addr().String(), uint32(p.Bits()))
}
