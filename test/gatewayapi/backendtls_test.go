package gatewayapi_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/meshctl/meshctl/internal/meshtest"
)

// TestBackendTLS: connections to a Service are secured as its BackendTLSPolicy says, from gateways and from sidecars.
func TestBackendTLS(t *testing.T) {
	cert, key := issue(t, "backend.example.com")
	pair, err := tls.X509KeyPair(cert, key)
	check(t, err)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "asked for %s", r.TLS.ServerName)
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	server.Config.SetKeepAlivesEnabled(false) // every request makes a connection of its own
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)

	m := meshtest.New(t, map[string]string{"services.yaml": fmt.Sprintf(service, "secure", "default", "app: secure") + gateway(httpListener) +
		httpRoute("route", ``, `{backendRefs: [{name: secure, port: 8443}]}`) +
		gatewayAPI("HTTPRoute", "inside", `{parentRefs: [{kind: Service, group: "", name: secure, port: 80}], rules: [{backendRefs: [{name: secure, port: 8443}]}]}`)})
	o := meshtest.Sidecar("secure")
	o.Ports = map[uint32]uint32{8443: uint32(server.Listener.Addr().(*net.TCPAddr).Port)}
	m.Start(o)
	edge := meshtest.Gateway("edge", "gateway.networking.k8s.io/gateway-name=edge")
	edge.Namespace = "default"
	g, client := m.Start(edge), m.Start(meshtest.Sidecar("client"))

	policy := func(hostname, authorities string) string {
		return gatewayAPI("BackendTLSPolicy", "policy", "{targetRefs: [{group: '', kind: Service, name: secure, sectionName: tls}], validation: {hostname: "+hostname+", "+authorities+"}}")
	}
	const own = "caCertificateRefs: [{group: '', kind: ConfigMap, name: roots}]"
	roots := func(pem []byte) string {
		return "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: roots, namespace: default}\ndata:\n  ca.crt: |\n    " + strings.ReplaceAll(strings.TrimSpace(string(pem)), "\n", "\n    ") + "\n"
	}
	other, _ := issue(t, "backend.example.com")
	for _, c := range []struct {
		name, yaml string
		status     int
	}{
		{"trusted", policy("backend.example.com", own) + roots(cert), 200},
		{"other authorities", policy("backend.example.com", own) + roots(other), 503},
		{"another name", policy("other.example.com", own) + roots(cert), 503},
		{"trusted again", policy("backend.example.com", own) + roots(cert), 200},
		{"system", policy("backend.example.com", "wellKnownCACertificates: System"), 503},
		{"missing", policy("backend.example.com", own), 503},
	} {
		m.Case(c.name, c.yaml, func(t *testing.T) {
			body := ""
			if c.status == 200 {
				body = "asked for backend.example.com"
			}
			meshtest.Expect(t, g.ClientAt("gateway|80"), "http://a.example.com/", c.status, body)
			meshtest.Expect(t, client.Client(), "http://secure/", c.status, body)
			if c.name == "missing" {
				told(t, m, "BackendTLSPolicy/policy", "spec.validation.caCertificateRefs[0]", "there is no ConfigMap default/roots")
			}
		})
	}
}
