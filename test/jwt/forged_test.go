package jwt_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/meshctl/meshctl/internal/meshtest"
)

// TestForgedClaims: whatever a client says in the headers that tokens fill, its program never sees it, nor does a policy; and a rule
// without an issuer takes nobody's tokens.
func TestForgedClaims(t *testing.T) {
	ours, other := newIssuer(t, "ours"), newIssuer(t, "z-other")
	m := meshtest.Explicit(t, map[string]string{"web.yaml": web}, []meshtest.Member{{Options: meshtest.Sidecar("web"), Serves: true}, {Options: meshtest.Sidecar("client")}})
	fills := policy(ours.rule(t, ", outputPayloadToHeader: x-payload, outputClaimToHeaders: [{header: X-Sub, claim: sub}]"),
		other.rule(t, ", outputClaimToHeaders: [{header: x-other, claim: sub}, {header: Host, claim: sub}]"))
	client := m.Client("client", "http://web/")
	sees := func(t *testing.T, want string, r meshtest.Request) {
		t.Helper()
		r.URL, r.Headers = "http://web/", append(r.Headers, "x-sub=forged", "X-Other=forged", "x-payload=forged", "x-OTHER=again")
		meshtest.Await(t, client, r, func(a meshtest.Answer) error {
			h := a.Echo.Header
			if got := fmt.Sprint(h["X-Sub"], h["X-Other"]); a.Status != 200 || got != want || h.Get("x-payload") == "forged" {
				return fmt.Errorf("the program sees %v", h)
			}
			return nil
		})
	}
	m.Case("headers", fills, func(t *testing.T) {
		sees(t, "[] []", meshtest.Request{})
		sees(t, "[somebody] []", meshtest.Request{Headers: []string{bearer(ours.token(t, nil))}})
		sees(t, "[] [somebody]", meshtest.Request{Headers: []string{bearer(other.token(t, nil))}})
		sees(t, "[] []", meshtest.Request{Method: "OPTIONS", Headers: []string{"origin=http://a.example", "access-control-request-method=GET"}})
	})
	m.Case("policies", fills+"---\n"+`
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: admins, namespace: default}
spec: {rules: [{when: [{key: "request.headers[x-other]", values: [forged]}]}]}
`, func(t *testing.T) {
		for _, r := range []meshtest.Request{{}, {Method: "OPTIONS"}, {Headers: []string{bearer(ours.token(t, nil))}}} {
			r.URL, r.Headers = "http://web/", append(r.Headers, "x-other=forged", "origin=http://a.example", "access-control-request-method=GET")
			meshtest.Await(t, client, r, func(a meshtest.Answer) error {
				if a.Status != 403 {
					return fmt.Errorf("%s is let in", r.Method)
				}
				return nil
			})
		}
	})
	nobody := ours
	nobody.name = ""
	m.Case("no issuer", policy(nobody.rule(t, "")), func(t *testing.T) {
		m.Expect("client", "http://web/", 200, "")
		m.Expect("client", "http://web/", 401, "", bearer(ours.token(t, nil)))
		m.Expect("client", "http://web/", 401, "", bearer(ours.token(t, map[string]any{"iss": "no issuer"})))
		if m.Problem("names no issuer") == "" {
			t.Error("nobody is told")
		}
	})
	if n := m.Member("web").Stat("listener_manager.lds.update_rejected"); n != 0 {
		t.Errorf("%d configurations were rejected", n)
	}
}

// TestForgedRoutes: a gateway chooses routes by the headers that tokens fill, not by what clients say in them.
func TestForgedRoutes(t *testing.T) {
	ours := newIssuer(t, "ours")
	m := meshtest.New(t, map[string]string{"edge.yaml": `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: istio-system}
spec: {selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: edge, namespace: istio-system}
spec:
  hosts: ["*"]
  gateways: [edge]
  http:
  - {match: [{headers: {x-sub: {exact: somebody}}}], directResponse: {status: 200, body: {string: inside}}}
  - {directResponse: {status: 200, body: {string: outside}}}
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: edge, namespace: istio-system}
spec: {selector: {matchLabels: {istio: ingressgateway}}, jwtRules: [` + ours.rule(t, ", outputClaimToHeaders: [{header: x-sub, claim: sub}]") + `]}
`})
	gateway := m.Start(meshtest.Gateway("edge", "istio=ingressgateway"))
	m.Settle()
	client, url := gateway.ClientOf(&http.Transport{}), fmt.Sprintf("http://127.0.0.1:%d/", gateway.Port("gateway|80"))
	meshtest.Expect(t, client, url, 200, "inside", bearer(ours.token(t, nil)))
	if a := meshtest.Get(t, client, url, "x-sub=somebody"); a.Body != "outside" {
		t.Errorf("a client chooses its route: %q", a.Body)
	}
}
