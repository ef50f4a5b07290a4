// Package jwt_test sends requests with tokens through live Envoys that run what RequestAuthentications ask for.
package jwt_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/meshctl/meshctl/internal/meshtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const web = `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {clusterIP: 10.99.0.1, selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}, {name: tcp, port: 7000}]}
`

// policy is a RequestAuthentication of the web server with rules in YAML's flow style.
func policy(rules ...string) string {
	return "apiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {name: jwt, namespace: default}\n" +
		"spec: {selector: {matchLabels: {app: web}}, jwtRules: [" + strings.Join(rules, ", ") + "]}\n"
}

func (i issuer) rule(t *testing.T, more string) string {
	return fmt.Sprintf("{issuer: %q, jwks: %q, forwardOriginalToken: true%s}", i.name, i.keys(t), more)
}

func bearer(token string) string { return "authorization=Bearer " + token }

func TestTokens(t *testing.T) {
	ours, other, stranger := newIssuer(t, "ours"), newIssuer(t, "other"), newIssuer(t, "ours")
	members := []meshtest.Member{{Options: meshtest.Sidecar("web"), Serves: true}, {Options: meshtest.Sidecar("client")}}
	meshtest.BothModes(t, map[string]string{"web.yaml": web}, members, func(t *testing.T, m *meshtest.Traffic) {
		expect := func(status int, what string, headers ...string) {
			t.Helper()
			m.T().Helper()
			m.T().Log(what)
			m.Expect("client", "http://web/", status, "", headers...)
		}
		m.Case("one issuer", policy(ours.rule(t, "")), func(t *testing.T) {
			expect(200, "no token")
			expect(200, "a valid token", bearer(ours.token(t, nil)))
			expect(401, "an expired token", bearer(ours.token(t, map[string]any{"exp": time.Now().Add(-time.Hour).Unix()})))
			expect(401, "a token that is not valid yet", bearer(ours.token(t, map[string]any{"nbf": time.Now().Add(time.Hour).Unix()})))
			expect(401, "a token signed by somebody else", bearer(stranger.token(t, nil)))
			expect(401, "a token of an unknown issuer", bearer(other.token(t, nil)))
			expect(401, "no token at all", bearer("nonsense"))
			conn, err := m.Dial("client", "web", 7000)
			check(t, err)
			defer conn.Close()
			if name, err := meshtest.Greeting(conn); err != nil || name != "web" {
				t.Errorf("TCP is concerned: %q %v", name, err)
			}
		})
		m.Case("audiences", policy(ours.rule(t, ", audiences: [a, b]")), func(t *testing.T) {
			expect(200, "one of the audiences", bearer(ours.token(t, map[string]any{"aud": []string{"x", "b"}})))
			expect(403, "another audience", bearer(ours.token(t, map[string]any{"aud": "x"})))
			expect(403, "no audience", bearer(ours.token(t, nil)))
		})
		m.Case("two issuers", policy(ours.rule(t, ""), other.rule(t, "")), func(t *testing.T) {
			expect(200, "no token")
			expect(200, "the first's token", bearer(ours.token(t, nil)))
			expect(200, "the second's token", bearer(other.token(t, nil)))
			expect(401, "a stranger's token", bearer(stranger.token(t, nil)))
		})
		m.Case("two issuers, two places", policy(ours.rule(t, ""), other.rule(t, ", fromHeaders: [{name: x-token}]")), func(t *testing.T) {
			expect(200, "both", bearer(ours.token(t, nil)), "x-token="+other.token(t, nil))
			expect(200, "the second alone", "x-token="+other.token(t, nil))
			expect(401, "the second in the first's place", bearer(other.token(t, nil)))
		})
		m.Case("removed", "", func(t *testing.T) { expect(200, "without the policy", bearer("nonsense")) })
	})
}

func TestPlaces(t *testing.T) {
	ours := newIssuer(t, "ours")
	m := meshtest.New(t, map[string]string{"web.yaml": web})
	program := meshtest.StartProgram(t, "web")
	server := meshtest.Sidecar("web")
	server.Ports = program.Ports()
	m.Start(server)
	client := m.Start(meshtest.Sidecar("client"))
	expect := func(status int, path string, headers ...string) meshtest.Answer {
		m.T().Helper()
		return meshtest.Expect(m.T(), client.Client(), "http://web"+path, status, "", headers...)
	}
	both := func(path, header string) {
		m.T().Helper()
		for status, token := range map[int]string{200: ours.token(m.T(), nil), 401: ours.token(m.T(), map[string]any{"exp": 1})} {
			if header != "" {
				expect(status, path, header+token)
			} else {
				expect(status, path+token)
			}
		}
	}
	m.Case("fromHeaders", policy(ours.rule(t, `, fromHeaders: [{name: x-a, prefix: "Token "}, {name: x-b}]`)), func(*testing.T) {
		both("/", "x-a=Token ")
		both("/", "x-b=")
		expect(200, "/", bearer("in the default place, which no longer counts"))
	})
	m.Case("fromParams", policy(ours.rule(t, ", fromParams: [t]")), func(*testing.T) { both("/?t=", "") })
	m.Case("fromCookies", policy(ours.rule(t, ", fromCookies: [t]")), func(*testing.T) { both("/", "cookie=x=y; t=") })
	m.Case("default places", policy(ours.rule(t, "")), func(*testing.T) {
		both("/", "authorization=Bearer ")
		both("/?access_token=", "")
	})
	m.Case("forwardOriginalToken", policy(strings.Replace(ours.rule(t, ""), "forwardOriginalToken: true", "forwardOriginalToken: false", 1)), func(t *testing.T) {
		request := meshtest.Request{URL: "http://web/", Headers: []string{bearer(ours.token(t, nil))}}
		meshtest.Await(t, client.Client(), request, func(a meshtest.Answer) error {
			if got := a.Echo.Header.Get("authorization"); a.Status != 200 || got != "" {
				return fmt.Errorf("the program sees %q", got)
			}
			return nil
		})
	})
	m.Case("output", policy(ours.rule(t, ", outputPayloadToHeader: x-payload, outputClaimToHeaders: "+
		"[{header: x-sub, claim: sub}, {header: x-deep, claim: a.b}, {header: x-none, claim: none}]")), func(t *testing.T) {
		token := ours.token(t, map[string]any{"a": map[string]any{"b": 7}})
		request := meshtest.Request{URL: "http://web/", Headers: []string{bearer(token), "x-sub=forged", "x-payload=forged"}}
		meshtest.Await(t, client.Client(), request, func(a meshtest.Answer) error {
			h := a.Echo.Header
			payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(h.Get("x-payload"), "="))
			if err != nil || !strings.Contains(string(payload), `"sub":"somebody"`) || h.Get("x-sub") != "somebody" || h.Get("x-deep") != "7" || h.Get("x-none") != "" {
				return fmt.Errorf("payload %s %w, headers %v", payload, err, h)
			}
			return nil
		})
	})
}

// TestRemoteKeys: Envoy itself fetches the keys, from a service of the mesh or from any address, and a place that cannot be reached
// refuses tokens and nothing else.
func TestRemoteKeys(t *testing.T) {
	ours := newIssuer(t, "ours")
	var fetched atomic.Int32
	keys := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fetched.Add(1)
		switch r.URL.Path {
		case "/keys":
		case "/slow":
			<-r.Context().Done()
			return
		default:
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, ours.keys(t))
	}))
	t.Cleanup(keys.Close)
	m := meshtest.New(t, map[string]string{"web.yaml": web, "keys.yaml": `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: keys, namespace: default}
spec: {hosts: [keys.example.com], location: MESH_EXTERNAL, resolution: STATIC, ports: [{number: 80, name: http, protocol: HTTP}],
  endpoints: [{address: 127.0.0.1, ports: {http: ` + keys.URL[strings.LastIndex(keys.URL, ":")+1:] + `}}]}
`})
	program := meshtest.StartProgram(t, "web")
	server := meshtest.Sidecar("web")
	server.Ports = program.Ports()
	m.Start(server)
	client := m.Start(meshtest.Sidecar("client"))
	expect := func(status int, headers ...string) {
		m.T().Helper()
		meshtest.Expect(m.T(), client.Client(), "http://web/", status, "", headers...)
	}
	rule := func(uri string) string { return policy(fmt.Sprintf("{issuer: ours, jwksUri: %q, timeout: 2s}", uri)) }
	for name, uri := range map[string]string{"a service": "http://keys.example.com/keys", "an address": keys.URL + "/keys"} {
		m.Case(name, rule(uri), func(t *testing.T) {
			before := fetched.Load()
			expect(200)
			expect(200, bearer(ours.token(t, nil)))
			expect(401, bearer(ours.token(t, map[string]any{"exp": 1})))
			if n := fetched.Load() - before; n < 1 || n > 2 {
				t.Errorf("the keys were fetched %d times", n)
			}
		})
	}
	m.Case("slow keys", strings.Replace(rule(keys.URL+"/slow"), "timeout: 2s", "timeout: 0.1s", 1), func(*testing.T) {
		expect(401, bearer(ours.token(t, nil)))
	})
	for name, uri := range map[string]string{
		"nobody there": "http://127.0.0.1:1/keys", "an unknown name": "https://keys.invalid/keys", "no keys": keys.URL + "/", "no URL": "keys",
		"a certificate of nobody": "https://127.0.0.1:" + client.Local("web.default.svc.cluster.local", 80)[len("127.0.0.1:"):],
	} {
		m.Case(name, rule(uri), func(t *testing.T) {
			expect(200)
			expect(401, bearer(ours.token(t, nil)))
		})
	}
	for name, rules := range map[string]string{
		"no keys given": "{issuer: ours}", "no JSON": "{issuer: ours, jwks: nonsense}", "an empty set": `{issuer: ours, jwks: '{"keys": []}'}`,
		"an unusable key": `{issuer: ours, jwks: '{"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}]}'}`,
	} {
		m.Case(name, policy(rules), func(t *testing.T) {
			expect(200)
			expect(401, bearer(ours.token(t, nil)))
			if m.Problem("every token that the rule is for is refused") == "" {
				t.Errorf("nobody says what is wrong: %v", m.Plane.Status().Problems)
			}
		})
	}
}

const routed = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: default}
spec: {selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: default}
spec:
  hosts: ["*"]
  gateways: [edge]
  http:
  - {match: [{headers: {"@request.auth.claims.group": {exact: dev}}}], headers: {request: {set: {x-route: dotted}}}, route: [{destination: {host: web}}]}
  - {match: [{headers: {"@request.auth.claims[a][b.c]": {prefix: x}}}], headers: {request: {set: {x-route: nested}}}, route: [{destination: {host: web}}]}
  - {match: [{headers: {"@request.auth.claims.level": {regex: "[0-9]"}}}], headers: {request: {set: {x-route: regex}}}, route: [{destination: {host: web}}]}
  - {match: [{headers: {"@request.auth.claims.sub": {}}, withoutHeaders: {"@request.auth.claims.group": {exact: ops}}}], headers: {request: {set: {x-route: without}}}, route: [{destination: {host: web}}]}
  - {match: [{headers: {"@request.auth.claims.roles": {exact: admin}}}], headers: {request: {set: {x-route: role}}}, route: [{destination: {host: web}}]}
  - {match: [{headers: {"@request.auth.claims.scope": {exact: write}}}], headers: {request: {set: {x-route: scope}}}, route: [{destination: {host: web}}]}
  - {headers: {request: {set: {x-route: none}}}, route: [{destination: {host: web}}]}
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: edge, namespace: istio-system}
spec: {selector: {matchLabels: {istio: ingressgateway}}, jwtRules: [RULE]}
`

// TestClaims: a gateway chooses routes by the claims of a valid token.
func TestClaims(t *testing.T) {
	ours := newIssuer(t, "ours")
	m := meshtest.New(t, map[string]string{"web.yaml": web, "routed.yaml": strings.Replace(routed, "RULE", ours.rule(t, ", spaceDelimitedClaims: [roles]"), 1)})
	program := meshtest.StartProgram(t, "web")
	server := meshtest.Sidecar("web")
	server.Ports = program.Ports()
	m.Start(server)
	gateway := m.Start(meshtest.Gateway("edge", "istio=ingressgateway", "gateway.networking.k8s.io/gateway-name=edge"))
	m.Settle()
	client, url := gateway.ClientOf(&http.Transport{}), fmt.Sprintf("http://127.0.0.1:%d/", gateway.Port("gateway|80"))
	for _, test := range []struct {
		route  string
		claims map[string]any
	}{
		{"dotted", map[string]any{"group": "dev"}},
		{"dotted", map[string]any{"group": []string{"ops", "dev"}}},
		{"dotted", map[string]any{"group": "dev", "a": map[string]any{"b.c": "x"}}},
		{"nested", map[string]any{"a": map[string]any{"b.c": "xyz"}}},
		{"regex", map[string]any{"level": "7"}},
		{"without", map[string]any{"group": "devops", "level": "77"}},
		{"none", map[string]any{"group": "ops"}},
		{"role", map[string]any{"roles": "ops admin", "group": "ops"}},
		{"scope", map[string]any{"scope": "read write", "group": "ops"}},
		{"none", nil},
	} {
		var headers []string
		if test.claims != nil {
			headers = append(headers, bearer(ours.token(t, test.claims)))
		}
		meshtest.Expect(t, client, url, 200, "x-route: "+test.route+"\n", headers...)
	}
	meshtest.Expect(t, client, url, 401, "", bearer("nonsense"))
	for _, target := range []string{"targetRef: {%s}", "targetRefs: [{%s}]"} {
		other := newIssuer(t, "other")
		m.Write("routed.yaml", strings.NewReplacer("RULE", other.rule(t, ""), "selector: {matchLabels: {istio: ingressgateway}}",
			fmt.Sprintf(target, "group: gateway.networking.k8s.io, kind: Gateway, name: edge")).Replace(routed))
		m.Settle()
		meshtest.Expect(t, client, url, 401, "", bearer(ours.token(t, nil)))
		meshtest.Expect(t, client, url, 200, "x-route: dotted\n", bearer(other.token(t, map[string]any{"group": "dev"})))
	}
	m.Case("claims in the mesh", strings.NewReplacer("gateways: [edge]", "gateways: [mesh]", `hosts: ["*"]`, "hosts: [web]").Replace(
		routed[strings.Index(routed, "apiVersion: networking.istio.io/v1\nkind: VirtualService"):strings.LastIndex(routed, "---")]), func(t *testing.T) {
		if m.Problem("only at gateways") == "" {
			t.Errorf("nobody says that claims do not count: %v", m.Plane.Status().Problems)
		}
	})
}
