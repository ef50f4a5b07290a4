package live_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/meshctl/meshctl/internal/controlplane/controlplanetest"
	"github.com/meshctl/meshctl/internal/meshtest"
)

// secureProgram is an HTTPS server that no sidecar stands in front of; its certificate is for example.com.
func secureProgram(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "secure %s", r.URL.Path) }))
	t.Cleanup(s.Close)
	return s
}

func registryOnly(more string) string {
	return `
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data: {mesh: "outboundTrafficPolicy: {mode: REGISTRY_ONLY}"}
---
` + more
}

// outside is traffic that leaves the mesh.
func (m *mesh) outside() {
	secure, plain := secureProgram(m.T()), meshtest.StartProgram(m.T(), "outside")
	securePort, plainPort := meshtest.ListenPort(secure.Listener), plain.Ports()[meshtest.HTTPPort]
	tunnel := func(host string) (meshtest.Answer, error) {
		roots := x509.NewCertPool()
		roots.AddCert(secure.Certificate())
		proxy := &url.URL{Scheme: "http", Host: fmt.Sprintf("127.0.0.1:%d", m.client.Port("http_proxy"))}
		client := m.client.ClientOf(&http.Transport{
			Proxy: http.ProxyURL(proxy), TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "example.com"},
		})
		return meshtest.Try(client, meshtest.Request{URL: fmt.Sprintf("https://%s:%d/x", host, securePort)})
	}
	unknown := fmt.Sprintf("http://localhost:%d/", plainPort)
	m.Case("ALLOW_ANY", "", func(t *testing.T) {
		meshtest.Expect(t, m.client.Client(), unknown, 200, "outside GET /")
		if a, err := tunnel("localhost"); err != nil || a.Body != "secure /x" {
			t.Errorf("TLS through a tunnel: %q, %v", a.Body, err)
		}
	})
	m.Case("REGISTRY_ONLY", registryOnly(""), func(t *testing.T) {
		meshtest.Expect(t, m.client.Client(), unknown, 502, "")
		meshtest.Expect(t, m.client.Client(), "http://server/", 200, "GET /")
		if a, err := tunnel("localhost"); err == nil || !strings.Contains(err.Error(), "Bad Gateway") {
			t.Errorf("a tunnel to a host that is not registered: %+v, %v", a, err)
		}
	})
	entries := fmt.Sprintf(`
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: outside, namespace: default}
spec:
  hosts: [outside.example.com]
  resolution: DNS
  location: MESH_EXTERNAL
  ports: [{number: 80, name: http, protocol: HTTP}]
  endpoints: [{address: localhost, ports: {http: %d}}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: secure, namespace: default}
spec:
  hosts: [localhost]
  resolution: DNS
  location: MESH_EXTERNAL
  ports: [{number: %d, name: tls, protocol: TLS}]
`, plainPort, securePort)
	m.Case("ServiceEntry by DNS", registryOnly(entries), func(t *testing.T) {
		meshtest.Expect(t, m.client.Client(), "http://outside.example.com/y", 200, "outside GET /y\nhost: outside.example.com\n")
		meshtest.Expect(t, m.client.Client(), unknown, 502, "")
		if a, err := tunnel("localhost"); err != nil || a.Body != "secure /x" {
			t.Errorf("TLS to a registered host through a tunnel: %q, %v", a.Body, err)
		}
	})
}

const edge = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: default}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: 8080, name: http, protocol: HTTP}, hosts: ["*"]}
  - {port: {number: 8443, name: https, protocol: HTTPS}, hosts: [edge.example.com], tls: {mode: SIMPLE, credentialName: edge-cert}}
  - {port: {number: 9443, name: tls, protocol: TLS}, hosts: [example.com], tls: {mode: PASSTHROUGH}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: edge, namespace: default}
spec: {hosts: ["*"], gateways: [edge], http: [{route: [{destination: {host: server, port: {number: 80}}}]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: passthrough, namespace: default}
spec:
  hosts: [example.com]
  gateways: [edge]
  tls: [{match: [{port: 9443, sniHosts: [example.com]}], route: [{destination: {host: secure, port: {number: 443}}}]}]
---
apiVersion: v1
kind: Service
metadata: {name: secure, namespace: default}
spec: {selector: {app: secure}, ports: [{name: tls, port: 443}]}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: secure, namespace: default}
spec: {address: 127.0.0.1, labels: {app: secure, security.istio.io/tlsMode: disabled}, ports: {tls: %d}}
`

// gateways: a certificate that comes later makes its server work; what does not need it works before. TLS passes by its name.
func (m *mesh) gateways() {
	secure := secureProgram(m.T())
	text := fmt.Sprintf(edge, meshtest.ListenPort(secure.Listener))
	chain, key := controlplanetest.ServerCertificate(m.T(), "edge.example.com")
	through := func(port int, config *tls.Config) *http.Client {
		address := fmt.Sprintf("127.0.0.1:%d", m.gateway.Port(fmt.Sprintf("gateway|%d", port)))
		return m.gateway.ClientOf(&http.Transport{TLSClientConfig: config, DialContext: m.gateway.DialTo(address)})
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(chain))
	roots.AddCert(secure.Certificate())
	config := &tls.Config{RootCAs: roots}
	m.Case("gateway without its certificate", text, func(t *testing.T) {
		meshtest.Expect(t, through(8080, nil), "http://any.example.com/x", 200, "GET /x\nhost: any.example.com\n")
		meshtest.Expect(t, through(9443, config), "https://example.com/y", 200, "secure /y")
		if a, err := meshtest.Try(through(8443, config), meshtest.Request{URL: "https://edge.example.com/"}); err == nil {
			t.Errorf("a server without a certificate answered %q", a.Body)
		}
		if a, err := meshtest.Try(through(9443, &tls.Config{InsecureSkipVerify: true}), meshtest.Request{URL: "https://other.example.com/"}); err == nil {
			t.Errorf("an unknown server name was answered %q", a.Body)
		}
		if m.Problem("edge-cert") == "" {
			t.Errorf("nobody says that the certificate is missing: %v", m.Plane.Status().Problems)
		}
	})
	m.Case("gateway with its certificate", text+"---\n"+tlsSecret("edge-cert", chain, key), func(t *testing.T) {
		meshtest.Expect(t, through(8443, config), "https://edge.example.com/z", 200, "GET /z\nhost: edge.example.com\n")
		meshtest.Expect(t, through(8443, config), "https://edge.example.com/z", 200, "URI=spiffe://cluster.local/ns/istio-system/sa/ingress")
	})
	other, otherKey := controlplanetest.ServerCertificate(m.T(), "edge.example.com")
	m.Case("gateway with another certificate", text+"---\n"+tlsSecret("edge-cert", other, otherKey), func(t *testing.T) {
		fresh := x509.NewCertPool()
		fresh.AppendCertsFromPEM([]byte(other))
		meshtest.Expect(t, through(8443, &tls.Config{RootCAs: fresh}), "https://edge.example.com/z", 200, "GET /z")
	})
}

func tlsSecret(name, chain, key string) string {
	indent := func(s string) string { return "    " + strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n    ") + "\n" }
	return "apiVersion: v1\nkind: Secret\nmetadata: {name: " + name + ", namespace: istio-system}\nstringData:\n  tls.crt: |\n" + indent(chain) + "  tls.key: |\n" + indent(key)
}
