package translate

import (
	"cmp"
	"maps"
	"slices"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	jwtv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"
	security "istio.io/api/security/v1beta1"

	"github.com/meshctl/meshctl/pkg/config"
)

// JWTRule is one rule of a RequestAuthentication without what Envoy would refuse in it.
type JWTRule struct {
	Rule *security.JWTRule
	// Cluster at which Envoy fetches the keys from Rule.JwksUri; empty where Rule.Jwks has them.
	Cluster string
	// From is the RequestAuthentication.
	From config.Key
}

const (
	jwtFilter = "envoy.filters.http.jwt_authn"
	// jwtPayload is the key of the filter's metadata under which a valid token's claims are: policies and routes look there.
	jwtPayload = "payload"

	keysTimeout  = 5 * time.Second
	keysLifetime = 5 * time.Minute
)

// requestAuthentication is the filter of RequestAuthentications: a request with a token must have a valid one, a request without
// passes (Istio, RequestAuthentication).
func (t traffic) requestAuthentication() []*hcmv3.HttpFilter {
	if len(t.policies.JWT) == 0 || t.class == outbound {
		return nil
	}
	out := &jwtv3.JwtAuthentication{Providers: map[string]*jwtv3.JwtProvider{}, BypassCorsPreflight: true}
	var valid, each []*jwtv3.JwtRequirement
	for i, rule := range t.policies.JWT {
		name := "origins-" + number(uint32(i))
		out.Providers[name] = rule.provider(t.class == gateway)
		byProvider := &jwtv3.JwtRequirement{RequiresType: &jwtv3.JwtRequirement_ProviderName{ProviderName: name}}
		valid = append(valid, byProvider)
		each = append(each, anyOf(byProvider, &jwtv3.JwtRequirement{RequiresType: &jwtv3.JwtRequirement_AllowMissing{AllowMissing: &emptypb.Empty{}}}))
	}
	requirement := each[0]
	if len(each) > 1 {
		// One valid token is enough where several issuers' are looked for in the same place.
		requirement = anyOf(append(valid, &jwtv3.JwtRequirement{RequiresType: &jwtv3.JwtRequirement_RequiresAll{
			RequiresAll: &jwtv3.JwtRequirementAndList{Requirements: each},
		}})...)
	}
	out.Rules = []*jwtv3.RequirementRule{{Match: anyRequest(), RequirementType: &jwtv3.RequirementRule_Requires{Requires: requirement}}}
	return []*hcmv3.HttpFilter{httpFilter(jwtFilter, out)}
}

func anyOf(list ...*jwtv3.JwtRequirement) *jwtv3.JwtRequirement {
	return &jwtv3.JwtRequirement{RequiresType: &jwtv3.JwtRequirement_RequiresAny{RequiresAny: &jwtv3.JwtRequirementOrList{Requirements: list}}}
}

// provider is one issuer. Routes are chosen again after the token is known where they may depend on its claims.
func (j JWTRule) provider(routes bool) *jwtv3.JwtProvider {
	r := j.Rule
	split := map[string]bool{"permission": true, "scope": true}
	for _, claim := range r.GetSpaceDelimitedClaims() {
		split[claim] = true
	}
	p := &jwtv3.JwtProvider{
		Issuer: r.GetIssuer(), Audiences: r.GetAudiences(),
		FromParams: r.GetFromParams(), FromCookies: r.GetFromCookies(),
		Forward: r.GetForwardOriginalToken(), ForwardPayloadHeader: r.GetOutputPayloadToHeader(),
		PayloadInMetadata: jwtPayload, ClearRouteCache: routes,
		NormalizePayloadInMetadata: &jwtv3.JwtProvider_NormalizePayload{SpaceDelimitedClaims: slices.Sorted(maps.Keys(split))},
	}
	for _, h := range r.GetFromHeaders() {
		p.FromHeaders = append(p.FromHeaders, &jwtv3.JwtHeader{Name: h.GetName(), ValuePrefix: h.GetPrefix()})
	}
	for _, c := range r.GetOutputClaimToHeaders() {
		p.ClaimToHeaders = append(p.ClaimToHeaders, &jwtv3.JwtClaimToHeader{HeaderName: c.GetHeader(), ClaimName: c.GetClaim()})
	}
	if j.Cluster == "" {
		p.JwksSourceSpecifier = &jwtv3.JwtProvider_LocalJwks{LocalJwks: &corev3.DataSource{
			Specifier: &corev3.DataSource_InlineString{InlineString: r.GetJwks()},
		}}
		return p
	}
	p.JwksSourceSpecifier = &jwtv3.JwtProvider_RemoteJwks{RemoteJwks: &jwtv3.RemoteJwks{
		HttpUri: &corev3.HttpUri{
			Uri: r.GetJwksUri(), HttpUpstreamType: &corev3.HttpUri_Cluster{Cluster: j.Cluster},
			Timeout: cmp.Or(r.GetTimeout(), durationpb.New(keysTimeout)),
		},
		CacheDuration: durationpb.New(keysLifetime),
	}}
	return p
}
