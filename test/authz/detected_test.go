package authz_test

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/meshctl/meshctl/internal/meshtest"
)

// undeclared are services whose ports do not say what they speak, and a provider that does not answer.
const undeclared = `
apiVersion: v1
kind: Service
metadata: {name: server, namespace: default}
spec: {clusterIP: 10.99.0.1, selector: {app: server}, ports: [{name: any, port: 80, targetPort: 8080}, {name: raw, port: 7000}, {name: secret, port: 8443}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: authz, namespace: auth}
spec:
  hosts: [authz.example.com]
  addresses: [10.99.0.2]
  resolution: STATIC
  ports: [{number: 8000, name: http}]
  endpoints: [{address: 127.0.0.1, ports: {http: 1}}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    extensionProviders: [{name: dead, envoyExtAuthzHttp: {service: authz.example.com, port: 8000, statusOnError: "503"}}]
`

const authentication = `---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: tokens, namespace: default}
spec: {jwtRules: [{issuer: me, jwks: '{"keys": [{"kty": "oct", "k": "c2VjcmV0", "alg": "HS256"}]}'}]}
`

// detected tries what only HTTP has on a port that does not declare it.
func detected(t *testing.T, m *meshtest.Mesh, expect func(t *testing.T, status int, path string, headers ...string)) {
	m.Case("ALLOW", policy("p", `{selector: {matchLabels: {app: server}}, rules: [{to: [{operation: {paths: [/yes], methods: [GET]}}]}]}`), func(t *testing.T) {
		expect(t, 200, "/yes")
		expect(t, 403, "/no")
	})
	m.Case("DENY", policy("p", `{selector: {matchLabels: {app: server}}, action: DENY, rules: [{to: [{operation: {paths: [/no]}}]}]}`), func(t *testing.T) {
		expect(t, 200, "/yes")
		expect(t, 403, "/no")
	})
	m.Case("CUSTOM", policy("p", `{selector: {matchLabels: {app: server}}, action: CUSTOM, provider: {name: dead}, rules: [{to: [{operation: {notPaths: [/yes]}}]}]}`), func(t *testing.T) {
		expect(t, 200, "/yes")
		expect(t, 503, "/no")
	})
	m.Case("RequestAuthentication", authentication, func(t *testing.T) {
		expect(t, 401, "/", "authorization=Bearer nonsense")
		expect(t, 200, "/")
	})
}

// TestDetected: requests are requests to policies also where a port does not declare its protocol, over mutual TLS and in plaintext; and
// connections that are no HTTP remain connections.
func TestDetected(t *testing.T) {
	meshtest.BothModes(t, map[string]string{"undeclared.yaml": undeclared}, members(), func(t *testing.T, m *meshtest.Traffic) {
		for _, mode := range []string{"PERMISSIVE", "STRICT", "DISABLE"} {
			m.Write("peers.yaml", "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: default, namespace: default}\nspec: {mtls: {mode: "+mode+"}}\n")
			m.Settle()
			m.T().Log(mode)
			detected(t, m.Mesh, func(t *testing.T, status int, path string, headers ...string) {
				t.Helper()
				m.Expect("client", "http://server"+path, status, "", headers...)
			})
			secret := m.Client("client", "https://server:8443/")
			secret.Transport.(*http.Transport).TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
			meshtest.Expect(t, secret, "https://server:8443/", 200, "")
			conn, err := m.Dial("client", "server", 7000)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintln(conn, "hello")
			if name, err := meshtest.Greeting(conn); err != nil || name != "server" {
				t.Errorf("%s: a connection that is no HTTP: %q %v", mode, name, err)
			}
			conn.Close()
		}
		if n := m.Member("server").Stat("listener_manager.lds.update_rejected"); n != 0 {
			t.Errorf("%d configurations were rejected", n)
		}
	})
}

// TestUnnamedPort: a port that no service names is no way around policies either.
func TestUnnamedPort(t *testing.T) {
	meshtest.InPods(t, map[string]string{"undeclared.yaml": strings.Replace(undeclared, "{name: any, port: 80, targetPort: 8080}, ", "", 1)}, func(p *meshtest.Pods) {
		pod := p.Pod(meshtest.Sidecar("server"))
		pod.Serve()
		client := p.Stranger("stranger").ClientTo(pod.Address + ":8080")
		p.Settle()
		for _, mode := range []string{"PERMISSIVE", "DISABLE"} {
			p.Write("peers.yaml", "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: default, namespace: default}\nspec: {mtls: {mode: "+mode+"}}\n")
			p.Settle()
			detected(t, p.Mesh, func(t *testing.T, status int, path string, headers ...string) {
				t.Helper()
				meshtest.Expect(t, client, "http://server"+path, status, "", headers...)
			})
		}
	})
}
