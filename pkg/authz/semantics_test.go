package authz

import (
	"net/netip"
	"testing"
	"time"
)

// TestSemantics tries each thing that Istio documents on one ALLOW rule.
func TestSemantics(t *testing.T) {
	plain := get("/")
	plain.Peer = ""
	admin := get("/")
	admin.Peer = "spiffe://cluster.local/ns/ops/sa/admin"
	tcp := get("/")
	tcp.HTTP = nil
	from := func(source string) string { return `[{from: [{source: {` + source + `}}]}]` }
	to := func(operation string) string { return `[{to: [{operation: {` + operation + `}}]}]` }
	when := func(condition string) string { return `[{when: [{` + condition + `}]}]` }
	for _, c := range []struct {
		name, rules string
		request     Request
		want        bool
	}{
		{"principal", from(`principals: ["cluster.local/ns/shop/sa/cart"]`), get("/"), true},
		{"principal of somebody else", from(`principals: ["cluster.local/ns/shop/sa/cart"]`), admin, false},
		{"principal by prefix", from(`principals: ["cluster.local/ns/shop/*"]`), get("/"), true},
		{"principal by suffix", from(`principals: ["*/sa/cart"]`), get("/"), true},
		{"any principal", from(`principals: ["*"]`), get("/"), true},
		{"any principal of nobody", from(`principals: ["*"]`), plain, false},
		{"not principal", from(`notPrincipals: ["*/sa/admin"]`), admin, false},
		{"not principal of nobody", from(`notPrincipals: ["*/sa/admin"]`), plain, true},
		{"namespace", from(`namespaces: [shop]`), get("/"), true},
		{"not namespace", from(`notNamespaces: [shop]`), get("/"), false},
		{"account of the policy's namespace", from(`serviceAccounts: [cart]`), get("/"), true},
		{"account of another namespace", from(`serviceAccounts: [ops/admin]`), admin, true},
		{"trust domain", from(`trustDomains: [cluster.local]`), get("/"), true},
		{"source address", from(`ipBlocks: [10.1.0.0/16]`), get("/"), true},
		{"not source address", from(`notIpBlocks: [10.1.2.3]`), get("/"), false},
		{"remote address without a proxy", from(`remoteIpBlocks: [10.1.2.3]`), get("/"), true},
		{"remote address", from(`remoteIpBlocks: [203.0.113.0/24]`), get("/", "X-Forwarded-For: 1.2.3.4, 203.0.113.9"), true},
		{"both of a source", from(`namespaces: [shop], ipBlocks: [192.0.2.1]`), get("/"), false},
		{"one of two sources", `[{from: [{source: {namespaces: [ops]}}, {source: {namespaces: [shop]}}]}]`, get("/"), true},
		{"host in any case", to(`hosts: ["WEB.Shop"]`), get("/"), true},
		{"method", to(`methods: [POST]`), get("/"), false},
		{"not method", to(`notMethods: [POST]`), get("/"), true},
		{"port", to(`ports: ["8080"]`), get("/"), true},
		{"path with a query", to(`paths: [/a]`), get("/a?b=c"), true},
		{"path with dots", to(`paths: [/admin]`), get("/a/../admin"), true},
		{"path with escapes", to(`paths: [/admin]`), get("/%61dmin"), true},
		{"path with slashes, which base normalization keeps", to(`paths: [/a/b]`), get("/a//b"), false},
		{"path of another case", to(`paths: [/A]`), get("/a"), false},
		{"template of one segment", to(`paths: ["/foo/{*}"]`), get("/foo/bar"), true},
		{"template of one segment for two", to(`paths: ["/foo/{*}"]`), get("/foo/bar/baz"), false},
		{"template of the rest", to(`paths: ["/foo/{**}/"]`), get("/foo//"), true},
		{"template of the rest without it", to(`paths: ["/foo/{**}/"]`), get("/foo/bar"), false},
		{"template of both", to(`paths: ["/foo/{*}/bar/{**}"]`), get("/foo/buzz/bar/baz"), true},
		{"header", when(`key: "request.headers[x-user]", values: [alice]`), get("/", "X-User: alice"), true},
		{"header twice", when(`key: "request.headers[x-user]", values: ["a,b"]`), get("/", "X-User: a", "x-user: b"), true},
		{"any header that is empty", when(`key: "request.headers[x-user]", values: ["*"]`), get("/", "X-User: "), false},
		{"not a header that is absent", when(`key: "request.headers[x-user]", notValues: [alice]`), get("/"), true},
		{"server name", when(`key: connection.sni, values: ["*.shop"]`), get("/"), false},
		{"what a filter noted", when(`key: "experimental.envoy.filters.a[b]", values: ["*"]`), get("/"), false},
		{"a rule that needs HTTP on TCP", `[{to: [{operation: {ports: ["8080"]}}, {operation: {methods: [GET]}}]}]`, tcp, false},
		{"a rule for TCP", to(`ports: ["8080"]`), tcp, true},
		{"an unknown attribute", when(`key: request.time, values: ["1"]`), get("/"), false},
		{"a value that is none", to(`ports: ["http", "8080"]`), get("/"), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := compile(t, policyYAML("p", "ALLOW", c.rules)).Check(c.request)
			if (d.Verdict == Allowed) != c.want {
				t.Errorf("%s: %s %+v", d.Verdict, d.Reason, d.Nearest)
			}
			if d.Verdict == Denied && (d.Nearest == nil || len(d.Nearest.Unmet) == 0) {
				t.Error("it does not say what is missing")
			}
		})
	}
}

// TestDenyWidens: DENY rules do without what cannot be asked.
func TestDenyWidens(t *testing.T) {
	tcp := get("/")
	tcp.HTTP = nil
	for _, c := range []struct {
		rules string
		want  Verdict
	}{
		{`[{to: [{operation: {methods: [POST]}}]}]`, Denied},
		{`[{to: [{operation: {methods: [POST], ports: ["1"]}}]}]`, Allowed},
		{`[{to: [{operation: {ports: [http]}}]}]`, Denied},
		{`[{from: [{source: {namespaces: [ops]}}], to: [{operation: {paths: [/x]}}]}]`, Allowed},
	} {
		if d := compile(t, policyYAML("p", "DENY", c.rules)).Check(tcp); d.Verdict != c.want || d.Status != 0 {
			t.Errorf("%s: %s %d", c.rules, d.Verdict, d.Status)
		}
	}
}

func TestTransport(t *testing.T) {
	plain, foreign := get("/"), get("/")
	plain.Peer, foreign.Peer = "", "spiffe://other.example/ns/shop/sa/cart"
	strict := `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: strict, namespace: shop}
spec: {selector: {matchLabels: {app: web}}, mtls: {mode: STRICT}, portLevelMtls: {8081: {mode: PERMISSIVE}, 8082: {mode: DISABLE}}}
`
	p := compile(t, strict)
	if d := p.Check(plain); d.Verdict != Denied || d.Status != 0 || d.By.Object.Name != "strict" || d.By.Field != "spec.mtls.mode" {
		t.Errorf("plaintext: %+v", d)
	}
	if d := p.Check(foreign); d.Verdict != Denied || d.By != nil {
		t.Errorf("another trust domain: %+v", d)
	}
	if d := p.Check(get("/")); d.Verdict != Allowed {
		t.Errorf("mutual TLS: %+v", d)
	}
	plain.Port = 8081
	if d := p.Check(plain); d.Verdict != Allowed {
		t.Errorf("plaintext on the permissive port: %+v", d)
	}
	onPlain := get("/")
	onPlain.Port = 8082
	d := compile(t, strict+policyYAML("p", "ALLOW", `[{from: [{source: {principals: ["*"]}}]}]`)).Check(onPlain)
	if d.Verdict != Denied || len(d.Notes) != 1 {
		t.Errorf("an identity on a port without TLS: %+v", d)
	}
}

func TestExplanation(t *testing.T) {
	p := compile(t, policyYAML("far", "ALLOW", `[{from: [{source: {namespaces: [ops]}}], to: [{operation: {methods: [POST]}}]}]`)+
		policyYAML("near", "ALLOW", `[{to: [{operation: {paths: [/a]}}, {operation: {methods: [GET], paths: [/b]}}]}]`)+
		policyYAML("deny", "DENY", `[{when: [{key: "request.headers[x]", values: ["1"]}]}]`))
	d := p.Check(get("/c"))
	if d.Nearest == nil || d.Nearest.Object.Name != "near" || len(d.Nearest.Unmet) != 1 || d.Nearest.Unmet[0].Field != "spec.rules[0].to[0].operation.paths" || d.Nearest.Unmet[0].Got != "/c" {
		t.Fatalf("%+v", d.Nearest)
	}
	if len(d.Turns) != 1 || d.Turns[0].Verdict != Allowed || len(d.Near) != 3 {
		t.Errorf("%+v", d.Turns)
	}
	d = p.Check(get("/a"))
	if d.Verdict != Allowed || len(d.Turns) != 1 || d.Turns[0].Verdict != Denied || !d.Turns[0].Conditions[0].Absent {
		t.Errorf("the header that would deny is not named: %+v", d.Turns)
	}
	if d = p.Check(get("/a", "x: 1")); d.Verdict != Denied || len(d.Turns) != 1 || d.Turns[0].Verdict != Allowed || !d.Turns[0].Breaks {
		t.Errorf("%+v", d)
	}
}

func TestTrial(t *testing.T) {
	trial := `---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: trial, namespace: shop, annotations: {istio.io/dry-run: "true"}}
spec: {action: DENY, rules: [{to: [{operation: {paths: [/a]}}]}]}
`
	p := compile(t, trial)
	if d := p.Check(get("/a")); d.Verdict != Allowed || d.Trial.Verdict != Denied || len(d.Trial.Matching) != 1 {
		t.Errorf("%+v", d)
	}
	if d := p.Check(get("/b")); d.Trial.Verdict != Allowed || len(d.Trial.Matching) != 0 {
		t.Errorf("%+v", d)
	}
}

func TestClaims(t *testing.T) {
	p := compile(t, `
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: tokens, namespace: shop}
spec: {jwtRules: [{issuer: me, audiences: [web], jwksUri: "https://me.example/keys"}]}
`+policyYAML("p", "ALLOW", `[{when: [{key: "request.auth.claims[scope]", values: [read]}]}]`))
	now := time.Unix(1_000_000, 0)
	for _, c := range []struct {
		name   string
		claims map[string]any
		status int
	}{
		{"none", nil, 403},
		{"fitting", map[string]any{"iss": "me", "aud": "web", "scope": "write read"}, 0},
		{"another scope", map[string]any{"iss": "me", "aud": "web", "scope": "write"}, 403},
		{"another issuer", map[string]any{"iss": "you", "aud": "web", "scope": "read"}, 401},
		{"another audience", map[string]any{"iss": "me", "aud": []any{"api"}, "scope": "read"}, 403},
		{"expired", map[string]any{"iss": "me", "aud": "web", "scope": "read", "exp": 999_900.0}, 401},
		{"expired a moment ago", map[string]any{"iss": "me", "aud": "web", "scope": "read", "exp": 999_990.0}, 0},
		{"not yet valid", map[string]any{"iss": "me", "aud": "web", "scope": "read", "nbf": 1_000_100.0}, 401},
	} {
		r := get("/")
		r.Now, r.HTTP.Claims = now, c.claims
		if d := p.Check(r); d.Status != c.status || (d.Verdict == Allowed) != (c.status == 0) {
			t.Errorf("%s: %s %d %s", c.name, d.Verdict, d.Status, d.Reason)
		}
	}
}

// FuzzCheck: whatever the policy and the request, there is a verdict, and one that explains itself.
func FuzzCheck(f *testing.F) {
	f.Add("ALLOW", `[{to: [{operation: {paths: ["/a/{**}"]}}]}]`, "/a/%2e%2e/b?c", "x-forwarded-for", "10.0.0.1", "a.b.c")
	f.Add("DENY", `[{from: [{source: {namespaces: ["*"], principals: ["*/sa/*"]}}], when: [{key: "request.auth.claims[a][b]", values: ["*"]}]}]`, "*", "Authorization", "Bearer e30.e30.x", "")
	f.Add("CUSTOM", `[{}]`, "", "", "", "\x00")
	f.Fuzz(func(t *testing.T, action, rules, path, header, value, peer string) {
		p := compile(t, policyYAML("p", action, rules)+`---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: tokens, namespace: shop}
spec: {jwtRules: [{issuer: me, jwksUri: "https://me.example/keys", fromCookies: [c], fromParams: [t], fromHeaders: [{name: x, prefix: "a "}]}, {issuer: you, jwksUri: "https://me.example/keys"}]}
`)
		r := Request{Peer: peer, Source: netip.MustParseAddr("::ffff:10.0.0.1"), HTTP: &HTTP{Method: action, Path: path, Headers: []Header{{header, value}}}}
		for range 2 {
			d := p.Check(r)
			if d.Verdict != Allowed && d.Verdict != Denied && d.Verdict != Depends || d.Reason == "" {
				t.Errorf("%+v", d)
			}
			r.HTTP = nil
		}
	})
}
