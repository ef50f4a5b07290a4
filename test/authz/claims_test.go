package authz_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/meshctl/meshctl/internal/meshtest"
)

// signer makes tokens and the keys that verify them.
func signer(t *testing.T) (token func(claims map[string]any) string, keys string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key := jose.JSONWebKey{Key: private, KeyID: "one", Algorithm: string(jose.ES256), Use: "sig"}
	text, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key.Public()}})
	if err != nil {
		t.Fatal(err)
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return func(claims map[string]any) string {
		all := map[string]any{"iss": "https://issuer.example.com/realm", "sub": "ann", "exp": time.Now().Add(time.Hour).Unix()}
		maps.Copy(all, claims)
		out, err := jwt.Signed(s).Claims(all).Serialize()
		if err != nil {
			t.Fatal(err)
		}
		return "authorization=Bearer " + out
	}, string(text)
}

// TestClaims: what rules ask of a token that a RequestAuthentication verified.
func TestClaims(t *testing.T) {
	token, keys := signer(t)
	authn := fmt.Sprintf(`
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: tokens, namespace: default}
spec: {jwtRules: [{issuer: "https://issuer.example.com/realm", jwks: %q}]}
`, keys)
	m := meshtest.Explicit(t, map[string]string{"services.yaml": services, "tokens.yaml": authn}, members())
	when := func(key, values string) string {
		return all(`{rules: [{when: [{key: "` + key + `", ` + values + `}]}]}`)
	}
	from := func(source string) string { return all(`{rules: [{from: [{source: ` + source + `}]}]}`) }
	ann, bob := token(nil), token(map[string]any{"sub": "bob", "iss": "https://issuer.example.com/realm"})
	with := func(name string, value any) string { return token(map[string]any{name: value}) }
	cases := map[string]testcase{
		"requestPrincipals":              {from(`{requestPrincipals: ["https://issuer.example.com/realm/ann"]}`), []try{get("/", ann), denied("/", bob), denied("/")}},
		"requestPrincipals, present":     {from(`{requestPrincipals: ["*"]}`), []try{get("/", ann), denied("/")}},
		"requestPrincipals, any issuer":  {from(`{requestPrincipals: ["*/ann"]}`), []try{get("/", ann), denied("/", bob)}},
		"requestPrincipals, any subject": {from(`{requestPrincipals: ["https://issuer.example.com/realm/*"]}`), []try{get("/", ann), get("/", bob), denied("/")}},
		"requestPrincipals, prefix":      {from(`{requestPrincipals: ["https://issuer.example.com/realm/a*"]}`), []try{get("/", ann), denied("/", bob)}},
		"requestPrincipals, suffix":      {from(`{requestPrincipals: ["*nn"]}`), []try{get("/", ann), denied("/", bob)}},
		"notRequestPrincipals":           {from(`{notRequestPrincipals: ["*/ann"]}`), []try{denied("/", ann), get("/", bob), get("/")}},
		"request.auth.principal":         {when("request.auth.principal", `values: ["https://issuer.example.com/realm/ann"]`), []try{get("/", ann), denied("/", bob)}},
		"request.auth.audiences":         {when("request.auth.audiences", `values: [me, other]`), []try{get("/", with("aud", "me")), get("/", with("aud", []string{"x", "me"})), denied("/", with("aud", "x")), denied("/", ann)}},
		"request.auth.presenter":         {when("request.auth.presenter", `values: ["app*"]`), []try{get("/", with("azp", "app.one")), denied("/", with("azp", "other")), denied("/", ann)}},
		"request.auth.claims":            {when("request.auth.claims[group]", `values: [admin, "dev*", "*ops"]`), []try{get("/", with("group", "admin")), get("/", with("group", "developer")), get("/", with("group", []string{"x", "netops"})), denied("/", with("group", "user")), denied("/", ann)}},
		"request.auth.claims, nested":    {when("request.auth.claims[realm][roles]", `values: [admin]`), []try{get("/", with("realm", map[string]any{"roles": []string{"admin"}})), get("/", with("realm", map[string]any{"roles": "admin"})), denied("/", with("roles", "admin"))}},
		"request.auth.claims, not":       {when("request.auth.claims[group]", `notValues: [user]`), []try{denied("/", with("group", "user")), denied("/", with("group", []string{"a", "user"})), get("/", with("group", "b")), get("/")}},
		"request.auth.claims, present":   {when("request.auth.claims[group]", `values: ["*"]`), []try{get("/", with("group", "a\nb")), denied("/", with("group", "")), denied("/", ann)}},
		"request.auth.claims, words":     {when("request.auth.claims[scope]", `values: [read]`), []try{get("/", with("scope", "write read")), denied("/", with("scope", "write"))}},
		"request.auth.claims, a URL":     {when("request.auth.claims[https://example.com/team]", `values: [a]`), []try{get("/", with("https://example.com/team", "a")), denied("/", ann)}},
	}
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		m.Case(name, cases[name].yaml, func(t *testing.T) { tries(t, m, cases[name].tries...) })
	}
}
