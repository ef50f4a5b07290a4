package authzequal_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	mrand "math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	security "istio.io/api/security/v1beta1"

	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/pkg/authz"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
)

const (
	issuerA = "https://a.example/tokens"
	issuerB = "b.example"
)

// token is one with what is wrong with it beyond its claims.
type token struct {
	text   string
	forged bool
}

// mint signs tokens of every sort: of either issuer and of another, current, expired, premature, forged, and texts that are none. keys
// are the issuers' key sets.
func mint(t *testing.T) (tokens []token, keys map[string]string) {
	t.Helper()
	private := map[string]jose.JSONWebKey{}
	keys = map[string]string{}
	for _, name := range []string{issuerA, issuerB, "other", "forger"} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		check(t, err)
		one := jose.JSONWebKey{Key: key, KeyID: "k", Algorithm: string(jose.ES256), Use: "sig"}
		private[name] = one
		public := one.Public()
		text, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{public}})
		check(t, err)
		keys[name] = string(text)
	}
	add := func(by string, claims map[string]any) {
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: private[by]}, nil)
		check(t, err)
		text, err := jwt.Signed(signer).Claims(claims).Serialize()
		check(t, err)
		tokens = append(tokens, token{text, by == "forger"})
	}
	at := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	for _, iss := range []string{issuerA, issuerB} {
		add(iss, map[string]any{"iss": iss, "sub": "alice", "exp": at(time.Hour), "aud": "web", "groups": []string{"dev", "ops"}, "scope": "read write", "level": 3})
		add(iss, map[string]any{"iss": iss, "sub": "bob", "exp": at(time.Hour), "aud": []string{"https://web/", "api"}, "admin": true, "nested": map[string]any{"role": "root", "list": []string{"x"}}})
		add(iss, map[string]any{"iss": iss, "sub": "svc/carol", "azp": "client-1", "permission": "a b", "roles": "r1 r2", "foo.com/name": "n"})
		add(iss, map[string]any{"iss": iss, "exp": at(time.Hour), "groups": "dev"})
	}
	add(issuerA, map[string]any{"iss": issuerA, "sub": "alice", "exp": at(-time.Hour), "aud": "web"})
	add(issuerA, map[string]any{"iss": issuerA, "sub": "alice", "nbf": at(time.Hour), "aud": "web"})
	add(issuerA, map[string]any{"iss": issuerA, "sub": "alice", "exp": at(-30 * time.Second)})
	add("other", map[string]any{"iss": "other", "sub": "alice", "exp": at(time.Hour)})
	add("forger", map[string]any{"iss": issuerA, "sub": "alice", "exp": at(time.Hour)})
	add("forger", map[string]any{"iss": issuerB, "sub": "alice", "exp": at(time.Hour)})
	for _, text := range []string{"none", "a.b.c", "..", tokens[1].text[:strings.LastIndexByte(tokens[1].text, '.')] + "." + strings.Repeat("A", 86), strings.ToUpper(tokens[0].text)} {
		tokens = append(tokens, token{text: text, forged: true})
	}
	return tokens, keys
}

// place is where a token stands in a request.
type place struct {
	rule func(*security.JWTRule)
	put  func(h *authz.HTTP, token string)
}

func header(name, prefix string) place {
	return place{
		func(r *security.JWTRule) {
			r.FromHeaders = append(r.FromHeaders, &security.JWTHeader{Name: name, Prefix: prefix})
		},
		func(h *authz.HTTP, token string) {
			h.Headers = append(h.Headers, authz.Header{Name: name, Value: prefix + token})
		},
	}
}

func param(name string) place {
	return place{
		func(r *security.JWTRule) { r.FromParams = append(r.FromParams, name) },
		func(h *authz.HTTP, token string) { h.Path += "?x=1&" + name + "=" + token },
	}
}

// places are those of rules; the first two are where rules look that name none.
func places() []place {
	standard := header("Authorization", "Bearer ")
	standard.rule = func(*security.JWTRule) {}
	query := param("access_token")
	query.rule = func(*security.JWTRule) {}
	return []place{standard, query, header("x-token", ""), header("x-token", "JWT "), param("t"), {
		func(r *security.JWTRule) { r.FromCookies = append(r.FromCookies, "session") },
		func(h *authz.HTTP, token string) {
			h.Headers = append(h.Headers, authz.Header{Name: "cookie", Value: "a=b; session=" + token})
		},
	}}
}

func (g generator) tokenWorkload(keys map[string]string) (*mesh.Workload, []place) {
	w := &mesh.Workload{Namespace: "shop", Name: "web", Ports: ports()}
	spec := &security.RequestAuthentication{}
	var used []place
	for range 1 + g.IntN(2) {
		issuer := pick(g, issuerA, issuerB)
		r := &security.JWTRule{Issuer: issuer, Jwks: keys[issuer], ForwardOriginalToken: g.chance(50)}
		at := pick(g, places()...)
		at.rule(r)
		used = append(used, at)
		if g.chance(30) {
			r.Audiences = g.some("web", "https://api", "nobody")
		}
		if g.chance(30) {
			r.OutputPayloadToHeader = "x-payload"
		}
		if g.chance(30) {
			r.OutputClaimToHeaders = []*security.ClaimToHeader{{Header: "x-claim", Claim: pick(g, "sub", "level", "admin", "groups", "nested.role", "missing")}}
		}
		if g.chance(30) {
			r.SpaceDelimitedClaims = []string{"roles"}
		}
		spec.JwtRules = append(spec.JwtRules, r)
	}
	w.RequestAuthns = mesh.Attached{{Key: config.Key{Kind: config.RequestAuthn, Namespace: "shop", Name: "tokens"}, Spec: spec}}
	for i := range g.IntN(3) {
		policy := &security.AuthorizationPolicy{Action: pick(g, security.AuthorizationPolicy_ALLOW, security.AuthorizationPolicy_ALLOW, security.AuthorizationPolicy_DENY)}
		for range 1 + g.IntN(2) {
			policy.Rules = append(policy.Rules, g.tokenRule())
		}
		w.AuthzPolicies = append(w.AuthzPolicies, &config.Object{Key: config.Key{Kind: config.AuthzPolicy, Namespace: "shop", Name: fmt.Sprintf("p%d", i)}, Spec: policy})
	}
	return w, used
}

func (g generator) tokenRule() *security.Rule {
	r := &security.Rule{}
	if g.chance(60) {
		s := &security.Source{}
		g.maybe(&s.RequestPrincipals, &s.NotRequestPrincipals, "*", issuerA+"/alice", issuerA+"/*", "*/alice", "b.example/*", "*carol", "b.*", issuerB+"/svc/carol", "https://a.*", "b.example", "*.example/bob", "/")
		if len(s.RequestPrincipals)+len(s.NotRequestPrincipals) == 0 {
			s.RequestPrincipals = []string{"*"}
		}
		r.From = append(r.From, &security.Rule_From{Source: s})
	}
	for range g.IntN(3) {
		c := &security.Condition{Key: pick(g,
			"request.auth.principal", "request.auth.audiences", "request.auth.presenter", "request.auth.claims[groups]", "request.auth.claims[scope]", "request.auth.claims[level]",
			"request.auth.claims[admin]", "request.auth.claims[nested][role]", "request.auth.claims[nested][list]", "request.auth.claims[nested]", "request.auth.claims[roles]",
			"request.auth.claims[permission]", "request.auth.claims[foo.com/name]", "request.auth.claims[sub]", "request.headers[x-claim]", "request.headers[authorization]",
			"request.headers[x-token]", "request.headers[x-payload]",
		)}
		values := []string{"*", "dev", "de*", "*v", "read", "read write", "root", "x", "web", "https://web/", "client-1", "3", "true", "r1", "a", "n", "alice", issuerA + "/alice", "Bearer *"}
		g.maybe(&c.Values, &c.NotValues, values...)
		if len(c.Values)+len(c.NotValues) == 0 {
			c.Values = []string{"*"}
		}
		r.When = append(r.When, c)
	}
	return r
}

func (g generator) tokenRequest(tokens []token, used []place) authz.Request {
	r := authz.Request{
		Source: netip.MustParseAddr("127.0.0.1"), Destination: netip.MustParseAddr(destination), Remote: netip.MustParseAddr("10.1.1.1"),
		Port: httpPort, Now: time.Now(), HTTP: &authz.HTTP{Method: pick(g, "GET", "GET", "GET", "OPTIONS"), Host: "web.shop", Path: "/a"},
	}
	if g.chance(80) {
		t := pick(g, tokens...)
		at := pick(g, places()...)
		if g.chance(80) {
			at = pick(g, used...)
		}
		at.put(r.HTTP, t.text)
		if t.forged {
			r.HTTP.Forged = []string{t.text}
		}
	}
	for _, h := range []authz.Header{{Name: "x-claim", Value: "alice"}, {Name: "x-payload", Value: "p"}, {Name: "Origin", Value: "http://a"}, {Name: "Access-Control-Request-Method", Value: "GET"}} {
		if g.chance(20) {
			r.HTTP.Headers = append(r.HTTP.Headers, h)
		}
	}
	return r
}

// TestTokens tries generated requests with tokens of every sort on generated RequestAuthentications and policies on claims.
func TestTokens(t *testing.T) {
	if testing.Short() {
		t.Skip("starts an Envoy")
	}
	envoytest.Binary(t)
	const sets, requests = 150, 14
	tokens, keys := mint(t)
	var all []set
	for i := range sets {
		g := generator{mrand.New(mrand.NewPCG(uint64(i), 2))}
		s := set{name: fmt.Sprintf("tokens-%d", i), config: baseConfig()}
		var used []place
		s.workload, used = g.tokenWorkload(keys)
		for range requests {
			s.requests = append(s.requests, g.tokenRequest(tokens, used))
		}
		all = append(all, s)
	}
	agree(t, newAuthority(t), all)
}
