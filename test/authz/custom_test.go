package authz_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/internal/meshtest"
)

// providersYAML are the services of a provider, and one where nobody listens.
const providersYAML = `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: authz, namespace: auth}
spec:
  hosts: [authz.example.com]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports: [{number: 8000, name: http}, {number: 9000, name: grpc}, {number: 8001, name: http-dead}, {number: 9001, name: grpc-dead}]
  endpoints: [{address: 127.0.0.1, ports: {http: %d, grpc: %d, http-dead: %d, grpc-dead: %[3]d}}]
`

const meshYAML = `
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    extensionProviders:
    - {name: plain, envoyExtAuthzHttp: {service: auth/authz.example.com, port: 8000}}
    - name: full
      envoyExtAuthzHttp:
        service: authz.example.com
        port: 8000
        timeout: 5s
        pathPrefix: /check
        includeRequestHeadersInCheck: [x-ext-authz, "x-in-*", "*-too"]
        includeAdditionalHeadersInCheck: {x-added: always, x-in-both: mine}
        includeRequestBodyInCheck: {maxRequestBytes: 4, allowPartialMessage: true}
        headersToUpstreamOnAllow: ["x-auth-*"]
        headersToDownstreamOnDeny: [x-why]
        headersToDownstreamOnAllow: ["*-why"]
        clearRouteCache: true
    - {name: legacy, envoyExtAuthzHttp: {service: authz.example.com, port: 8000, includeHeadersInCheck: [x-ext-authz], includeRequestBodyInCheck: {maxRequestBytes: 4}}}
    - {name: dead, envoyExtAuthzHttp: {service: authz.example.com, port: 8001, statusOnError: "503"}}
    - {name: dead-open, envoyExtAuthzHttp: {service: authz.example.com, port: 8001, failOpen: true}}
    - {name: grpc, envoyExtAuthzGrpc: {service: authz.example.com, port: 9000, timeout: 5s, includeRequestBodyInCheck: {maxRequestBytes: 4, allowPartialMessage: true}}}
    - {name: grpc-raw, envoyExtAuthzGrpc: {service: authz.example.com, port: 9000, clearRouteCache: true, includeRequestBodyInCheck: {maxRequestBytes: 9, packAsBytes: true}}}
    - {name: grpc-dead, envoyExtAuthzGrpc: {service: authz.example.com, port: 9001, statusOnError: "504"}}
    - {name: grpc-open, envoyExtAuthzGrpc: {service: authz.example.com, port: 9001, failOpen: true}}
    - {name: nowhere, envoyExtAuthzHttp: {service: nothing.example.com, port: 8000}}
    - {name: no-port, envoyExtAuthzHttp: {service: authz.example.com, port: 8009}}
    - {name: invalid, envoyExtAuthzHttp: {service: authz.example.com, port: 8000, statusOnError: "42"}}
`

func custom(provider, rules string) string {
	return policy("custom", `{action: CUSTOM, selector: {matchLabels: {app: server}}, provider: {name: `+provider+`}, rules: [`+rules+`]}`)
}

const admin = `{to: [{operation: {paths: ["/admin*"], ports: ["8080"]}}]}`

// newCustom is a mesh with providers of every sort.
func newCustom(t *testing.T) (*meshtest.Traffic, *provider) {
	t.Helper()
	p := startProvider(t)
	dead := listen(t)
	port := meshtest.ListenPort(dead)
	dead.Close()
	files := map[string]string{"services.yaml": services, "providers.yaml": fmt.Sprintf(providersYAML, p.http, p.grpc, port), "mesh.yaml": meshYAML}
	return meshtest.Explicit(t, files, members()), p
}

func TestCustom(t *testing.T) {
	m, p := newCustom(t)
	ask := func(t *testing.T, path string, want int, part string, headers ...string) meshtest.Answer {
		t.Helper()
		return m.Expect("client", "http://server.default"+path, want, part, headers...)
	}
	const allow = "x-ext-authz=allow"
	m.Case("HTTP without settings", custom("plain", admin), func(t *testing.T) {
		a := ask(t, "/admin", 403, "denied by the provider", allow) // its header is not sent
		if a.Header.Get("x-secret") == "" {
			t.Error("all headers of the refusal come back")
		}
		_, before := p.question()
		ask(t, "/other", 200, "server")
		if q, after := p.question(); after != before || q.header.Get("x-ext-authz") != "" || q.path != "/admin" {
			t.Errorf("asked %d times more; last: %+v", after-before, q)
		}
	})
	m.Case("HTTP with all settings", custom("full", admin), func(t *testing.T) {
		meshtest.Await(t, m.Client("client", "http://server.default/"), meshtest.Request{URL: "http://server.default/admin/x?q"}, func(a meshtest.Answer) error {
			if a.Status != 403 || a.Header.Get("x-why") != "because" || a.Header.Get("x-secret") != "" {
				return errors.New("want a refusal with the header x-why alone")
			}
			return nil
		})
		a := meshtest.Do(t, m.Client("client", "http://server.default/admin/x?q"), meshtest.Request{
			Method: http.MethodPost, URL: "http://server.default/admin/x?q", Body: "hello", Headers: []string{allow, "x-in-a=1", "me-too=2", "x-not=3", "x-in-both=yours"},
		})
		if a.Status != 200 || a.Echo.Header.Get("x-auth-user") != "somebody" || a.Echo.Header.Get("x-secret") != "" || a.Header.Get("x-why") != "because" || a.Header.Get("x-secret") != "" {
			t.Errorf("%+v", a)
		}
		q, _ := p.question()
		if q.path != "/check/admin/x?q" || q.body != "hell" {
			t.Errorf("asked for %q with %q", q.path, q.body)
		}
		for name, want := range map[string]string{"x-in-a": "1", "me-too": "2", "x-not": "", "x-added": "always", "x-in-both": "mine"} {
			if got := q.header.Get(name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
	})
	m.Case("HTTP as it was spelt once", custom("legacy", admin), func(t *testing.T) {
		ask(t, "/admin", 200, "server", allow)
		a := meshtest.Do(t, m.Client("client", "http://server.default/admin"), meshtest.Request{Method: http.MethodPost, URL: "http://server.default/admin", Body: "hello", Headers: []string{allow}})
		if a.Status != http.StatusRequestEntityTooLarge {
			t.Errorf("%d for a body that is too large", a.Status)
		}
	})
	m.Case("statusOnError", custom("dead", admin), func(t *testing.T) { ask(t, "/admin", 503, "", allow) })
	m.Case("failOpen", custom("dead-open", admin), func(t *testing.T) { ask(t, "/admin", 200, "server") })
	m.Case("gRPC", custom("grpc", admin), func(t *testing.T) {
		ask(t, "/admin", 401, "denied by gRPC")
		a := meshtest.Do(t, m.Client("client", "http://server.default/admin"), meshtest.Request{Method: http.MethodPost, URL: "http://server.default/admin", Body: "hello", Headers: []string{allow}})
		if q, _ := p.question(); a.Status != 200 || a.Echo.Header.Get("x-auth-user") != "somebody" || q.body != "hell" || q.path != "/admin" {
			t.Errorf("%+v %+v", a, q)
		}
	})
	m.Case("gRPC with a body of bytes", custom("grpc-raw", admin), func(t *testing.T) {
		ask(t, "/admin", 401, "denied by gRPC")
		a := meshtest.Do(t, m.Client("client", "http://server.default/admin"), meshtest.Request{Method: http.MethodPost, URL: "http://server.default/admin", Body: "hello", Headers: []string{allow}})
		if q, _ := p.question(); a.Status != 200 || string(q.raw) != "hello" {
			t.Errorf("%+v %+v", a, q)
		}
	})
	m.Case("gRPC, statusOnError", custom("grpc-dead", admin), func(t *testing.T) { ask(t, "/admin", 504, "", allow) })
	m.Case("gRPC, failOpen", custom("grpc-open", admin), func(t *testing.T) { ask(t, "/admin", 200, "server") })
	m.Case("CUSTOM goes before DENY and ALLOW", custom("grpc", `{}`)+policy("deny", `{action: DENY, rules: [{to: [{operation: {paths: [/denied], ports: ["8080"]}}]}]}`)+
		policy("allow", `{rules: [{to: [{operation: {paths: [/denied, /ok]}}]}]}`), func(t *testing.T) {
		ask(t, "/ok", 401, "denied by gRPC")
		ask(t, "/ok", 200, "server", allow)
		ask(t, "/denied", 403, "RBAC", allow)
		ask(t, "/else", 403, "RBAC", allow)
	})
	m.Case("dry run", strings.Replace(custom("full", `{}`), "{namespace: default,", "{namespace: default, annotations: {istio.io/dry-run: 'true'},", 1), func(t *testing.T) {
		ask(t, "/admin", 200, "server")
	})
	m.Case("without rules", custom("full", ""), func(t *testing.T) { ask(t, "/admin", 200, "server") })
}

// TestCustomTCP: a gRPC provider is asked about connections too, an HTTP provider is not.
func TestCustomTCP(t *testing.T) {
	m, _ := newCustom(t)
	m.Case("gRPC", custom("grpc", `{to: [{operation: {ports: ["7000"]}}]}`), func(t *testing.T) {
		connects(t, m, "client", true)
		connects(t, m, "bystander", false)
	})
	m.Case("gRPC, by method", custom("grpc", `{to: [{operation: {methods: [GET]}}]}`), func(t *testing.T) {
		connects(t, m, "client", true)
		connects(t, m, "bystander", false)
	})
	m.Case("gRPC, failOpen", custom("grpc-open", `{}`), func(t *testing.T) { connects(t, m, "bystander", true) })
	m.Case("gRPC, fails", custom("grpc-dead", `{}`), func(t *testing.T) { connects(t, m, "client", false) })
	m.Case("HTTP", custom("plain", `{}`), func(t *testing.T) { connects(t, m, "bystander", true) })
	m.Case("unknown", custom("unknown", `{}`), func(t *testing.T) { connects(t, m, "client", false) })
}

// TestCustomFaults: what a provider should decide that cannot be asked is denied, and nothing else.
func TestCustomFaults(t *testing.T) {
	m, _ := newCustom(t)
	for _, c := range []struct{ name, yaml, problem string }{
		{"unknown provider", custom("unknown", admin), "provider unknown is none"},
		{"unknown service", custom("nowhere", admin), "service nothing.example.com of provider nowhere does not exist"},
		{"unknown port", custom("no-port", admin), "has no port 8009"},
		{"invalid provider", custom("invalid", admin), "provider invalid is not usable"},
		{"two providers", custom("full", admin) + strings.ReplaceAll(custom("plain", admin), "name: custom", "name: second"), "several providers (full, plain)"},
		{"no provider", policy("custom", `{action: CUSTOM, rules: [`+admin+`]}`), "a CUSTOM policy needs a provider"},
		{"by principal", custom("plain", `{from: [{source: {principals: [nobody]}}], to: [{operation: {paths: ["/admin*"]}}]}`), "CUSTOM"},
	} {
		m.Case(c.name, c.yaml, func(t *testing.T) {
			tries(t, m, get("/other"))
			m.Expect("client", "http://server.default/admin", 403, "denied", "x-ext-authz=allow")
			envoytest.Eventually(t, "the problem", func() error {
				if m.Problem(c.problem) == "" {
					return errors.New("is not reported")
				}
				return nil
			})
		})
	}
	m.Case("a service that comes later", custom("nowhere", admin), func(t *testing.T) {
		m.Expect("client", "http://server.default/admin", 403, "RBAC")
		m.Write("late.yaml", strings.NewReplacer("authz.example.com", "nothing.example.com", "name: authz", "name: late").Replace(fmt.Sprintf(providersYAML, 1, 1, 1)))
		m.Settle()
		meshtest.Await(t, m.Client("client", "http://server.default/"), meshtest.Request{URL: "http://server.default/admin"}, func(a meshtest.Answer) error {
			if a.Status != 403 || a.Body != "" {
				return errors.New("want 403 because nobody answers the proxy's question")
			}
			return nil
		})
	})
}
