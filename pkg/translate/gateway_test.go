package translate

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/meshctl/meshctl/pkg/mesh"
)

const gatewayYAML = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: default}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: 80, name: http, protocol: HTTP}, hosts: ["a.example.com"], tls: {httpsRedirect: true}}
  - {port: {number: 8080, name: http, protocol: HTTP}, hosts: ["*"]}
  - {port: {number: 443, name: https-a, protocol: HTTPS}, hosts: ["a.example.com"], tls: {mode: SIMPLE, credentialName: a-cert}}
  - {port: {number: 443, name: https-b, protocol: HTTPS}, hosts: ["b.example.com"], tls: {mode: SIMPLE, credentialName: b-cert}}
  - {port: {number: 443, name: https-c, protocol: HTTPS}, hosts: ["c.example.com"], tls: {mode: MUTUAL, credentialName: c-cert}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: edge, namespace: default}
spec:
  hosts: [a.example.com, b.example.com, c.example.com]
  gateways: [edge]
  http:
  - route: [{destination: {host: server}}]
---
`

// secretYAML is a Secret of the gateway's namespace.
func secretYAML(name string, data map[string][]byte) string {
	out := "apiVersion: v1\nkind: Secret\nmetadata: {name: " + name + ", namespace: istio-system}\nstringData:\n"
	for k, v := range data {
		out += "  " + k + ": |\n    " + strings.ReplaceAll(strings.TrimSpace(string(v)), "\n", "\n    ") + "\n"
	}
	return out + "---\n"
}

// TestGateway serves HTTP and HTTPS; a server whose certificate is missing leaves the others alone.
func TestGateway(t *testing.T) {
	b := newBench(t)
	cert, key := b.control.ca.issue("a.example.com")
	certC, keyC := b.control.ca.issue("c.example.com")
	b.base += "---\n" + gatewayYAML + secretYAML("a-cert", map[string][]byte{"tls.crt": cert, "tls.key": key}) +
		secretYAML("c-cert", map[string][]byte{"cert": certC, "key": keyC, "cacert": b.control.ca.root})
	b.apply("")
	s := build(t, b.base)
	gateway := bound(s, router(), free(t))
	r := resourcesFor(s, gateway)
	if len(r.secrets) != 3 {
		t.Fatalf("%d secrets, want a-cert, c-cert and c-cert-cacert", len(r.secrets))
	}
	missing := false
	for _, p := range r.problems {
		missing = missing || strings.Contains(p.Message, `no Secret "b-cert"`)
	}
	if !missing {
		t.Errorf("nobody says that b-cert is missing: %v", r.problems)
	}
	e := b.control.envoy(t, gateway, r)
	e.WaitReady(t)

	resp, body := b.through(t, gateway, 8080, "http://a.example.com/x", nil)
	if resp.StatusCode != 200 || !strings.Contains(body, "GET /x\nhost: a.example.com") || !strings.Contains(body, "sa/gateway") {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	if resp, _ := b.through(t, gateway, 8080, "http://unknown.example.com/", nil); resp.StatusCode != 404 {
		t.Errorf("an unknown host: %d", resp.StatusCode)
	}
	if resp, _ := b.through(t, gateway, 80, "http://a.example.com/x", nil); resp.StatusCode != 301 || resp.Header.Get("location") != "https://a.example.com/x" {
		t.Errorf("httpsRedirect: %d %v", resp.StatusCode, resp.Header)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(b.control.ca.root)
	if resp, body := b.through(t, gateway, 443, "https://a.example.com/tls", &tls.Config{RootCAs: roots}); resp == nil || resp.StatusCode != 200 {
		t.Errorf("https: %v %s", resp, body)
	}
	if resp, _ := b.through(t, gateway, 443, "https://b.example.com/", &tls.Config{RootCAs: roots}); resp != nil {
		t.Errorf("a server without a certificate answered %d", resp.StatusCode)
	}
	if resp, _ := b.through(t, gateway, 443, "https://c.example.com/", &tls.Config{RootCAs: roots}); resp != nil {
		t.Errorf("mutual TLS without a client certificate answered %d", resp.StatusCode)
	}
	pair, err := tls.X509KeyPair(b.control.ca.issue("user.example.com"))
	if err != nil {
		t.Fatal(err)
	}
	if resp, body := b.through(t, gateway, 443, "https://c.example.com/", &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}}); resp == nil || resp.StatusCode != 200 {
		t.Errorf("mutual TLS: %v %s", resp, body)
	}
}

// through sends a request to a port of the gateway whatever the URL's host resolves to. The response is nil when the connection fails.
func (b *bench) through(t *testing.T, gateway mesh.Proxy, port uint32, target string, config *tls.Config) (*http.Response, string) {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: config, DialContext: func(context.Context, string, string) (net.Conn, error) {
		return net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", gateway.Bindings[GatewayBinding(port)]))
	}}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Get(target)
	if err != nil {
		return nil, err.Error()
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return resp, string(body)
}
