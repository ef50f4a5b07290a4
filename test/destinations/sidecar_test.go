package destinations_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/internal/meshtest"
)

// sidecar is a Sidecar for the workloads with a label.
func sidecar(label, spec string) string {
	return "\n---\napiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: " + strings.ReplaceAll(strings.ReplaceAll(label, ": ", "-"), "\"", "") +
		", namespace: default}\nspec: {workloadSelector: {labels: {" + label + "}}, " + spec + "}\n"
}

func TestSidecar(t *testing.T) {
	s := newSuite(t)
	s.ingress()
	s.egress()
}

func (s *suite) ingress() {
	dir, err := os.MkdirTemp("", "socket") // paths of sockets are short
	check(s.T(), err)
	s.T().Cleanup(func() { os.RemoveAll(dir) })
	unix, err := net.Listen("unix", filepath.Join(dir, "app"))
	check(s.T(), err)
	other := meshtest.StartProgram(s.T(), "other")
	other.ServeHTTP(unix)
	serves := func(name, listener string, names ...string) {
		s.Case(name, sidecar("version: a", "ingress: ["+listener+"]"), func(t *testing.T) { s.only(t, names) })
	}
	const listener = "{port: {number: 8080, protocol: HTTP, name: http}, %s}"
	serves("a Unix socket", fmt.Sprintf(listener, "defaultEndpoint: unix://"+unix.Addr().String()), "other", "b", "c")
	serves("a port of loopback", fmt.Sprintf(listener, fmt.Sprintf("defaultEndpoint: 127.0.0.1:%d", other.Ports()[meshtest.HTTPPort])), "other", "b", "c")
	serves("the workload's address", fmt.Sprintf(listener, fmt.Sprintf("defaultEndpoint: 0.0.0.0:%d", other.Ports()[meshtest.HTTPPort])), "other", "b", "c")
	serves("no endpoint", fmt.Sprintf(listener, "captureMode: NONE"), "a", "b", "c")
	s.Case("other ports are not served", sidecar("version: a", "ingress: ["+fmt.Sprintf(listener, "captureMode: NONE")+"]"), func(t *testing.T) {
		s.only(t, []string{"a", "b", "c"})
		envoytest.Eventually(t, "the TCP port of a to go", func() error {
			if port := s.servers["a"].State().Bindings["inbound|7000"]; port != 0 {
				return fmt.Errorf("it is at %d", port)
			}
			return nil
		})
	})
	limited := func(name, text string, want string) {
		s.Case(name, text, func(t *testing.T) {
			envoytest.Eventually(t, want, func() error {
				got := string(s.servers["a"].Admin("/clusters"))
				if !strings.Contains(got, "inbound|8080||::default_priority::max_requests::"+want+"\n") {
					return fmt.Errorf("the limits are others")
				}
				return nil
			})
		})
	}
	pool := func(n int) string { return fmt.Sprintf("{http: {http2MaxRequests: %d}}", n) }
	byRule := rule("server", "{connectionPool: "+pool(11)+"}")
	limited("the rule's pool", byRule, "11")
	limited("inboundConnectionPool", byRule+sidecar("version: a", "inboundConnectionPool: "+pool(12)), "12")
	limited("connectionPool of a listener", byRule+sidecar("version: a", "inboundConnectionPool: "+pool(12)+", ingress: ["+fmt.Sprintf(listener, "connectionPool: "+pool(13))+"]"), "13")
	s.Case("a limit at the server", sidecar("app: server", "inboundConnectionPool: "+pool(1)), func(t *testing.T) {
		client := s.client.Client()
		defer hold(t, client, 6)()
		meshtest.Expect(t, client, "http://server/", http.StatusServiceUnavailable, "")
	})
	s.ingressTLS(listener)
}

// ingressTLS: clients from outside the mesh speak TLS to the sidecar, those of the mesh go on.
func (s *suite) ingressTLS(listener string) {
	t := s.T()
	a, dir := newAuthority(t), t.TempDir()
	cert, key, _ := a.sign(t, "a.example.com")
	clientCert, clientKey, _ := a.sign(t, "outsider")
	for name, data := range map[string][]byte{"cert.pem": cert, "key.pem": key, "ca.pem": a.pem} {
		check(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	pair, err := tls.X509KeyPair(clientCert, clientKey)
	check(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	outside := func(certificates ...tls.Certificate) func() error {
		client := s.servers["a"].ClientOf(&http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "a.example.com", Certificates: certificates, MinVersion: tls.VersionTLS12}, DisableKeepAlives: true,
		})
		return func() error {
			answer, err := meshtest.Try(client, meshtest.Request{URL: fmt.Sprintf("https://127.0.0.1:%d/", s.servers["a"].Port("inbound|8080"))})
			if err == nil && (answer.Status != http.StatusOK || answer.Echo.Program != "a") {
				err = fmt.Errorf("%d %s", answer.Status, answer.Body)
			}
			return err
		}
	}
	settings := fmt.Sprintf("tls: {mode: %%s, serverCertificate: %s/cert.pem, privateKey: %s/key.pem, caCertificates: %s/ca.pem}", dir, dir, dir)
	s.Case("tls SIMPLE", sidecar("version: a", "ingress: ["+fmt.Sprintf(listener, fmt.Sprintf(settings, "SIMPLE"))+"]"), func(t *testing.T) {
		envoytest.Eventually(t, "TLS", outside())
		s.only(t, []string{"a", "b", "c"})
	})
	disabled := "\n---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: a, namespace: default}\nspec: {selector: {matchLabels: {version: a}}, mtls: {mode: DISABLE}}\n"
	s.Case("tls MUTUAL", disabled+sidecar("version: a", "ingress: ["+fmt.Sprintf(listener, fmt.Sprintf(settings, "MUTUAL"))+"]"), func(t *testing.T) {
		envoytest.Eventually(t, "mutual TLS", outside(pair))
		if err := outside()(); err == nil {
			t.Error("a client without a certificate is answered")
		}
	})
}

func (s *suite) egress() {
	answers := func(name, spec string, url string, status int) {
		s.Case(name, sidecar("app: client", spec), func(t *testing.T) { meshtest.Expect(t, s.client.Client(), url, status, "") })
	}
	const closed = "outboundTrafficPolicy: {mode: REGISTRY_ONLY}, "
	answers("hosts", closed+`egress: [{hosts: ["./server.default.svc.cluster.local"]}]`, "http://server/", 200)
	answers("hosts of the own namespace", closed+`egress: [{hosts: ["./*"]}]`, "http://server/", 200)
	answers("hosts of any namespace", closed+`egress: [{hosts: ["*/*"]}]`, "http://server/", 200)
	answers("no hosts", closed+`egress: [{hosts: ["~/*"]}]`, "http://server/", 502)
	answers("other hosts", closed+`egress: [{hosts: ["elsewhere/*"]}]`, "http://server/", 502)
	answers("an excluded host", closed+`egress: [{hosts: ["*/*", "~./server.default.svc.cluster.local"]}]`, "http://server/", 502)
	answers("the port", closed+`egress: [{port: {number: 81, protocol: HTTP, name: http}, hosts: ["./*"]}]`, "http://server:81/", 200)
	answers("another port", closed+`egress: [{port: {number: 81, protocol: HTTP, name: http}, hosts: ["./*"]}]`, "http://server/", 502)
	answers("the most specific port", closed+`egress: [{port: {number: 80, protocol: HTTP, name: http}, hosts: ["elsewhere/*"]}, {hosts: ["*/*"]}]`, "http://server/", 502)
	answers("egressProxy", "outboundTrafficPolicy: {mode: ALLOW_ANY, egressProxy: {host: server.default.svc.cluster.local, port: {number: 80}}}", "http://unknown.example.com/", 200)
	s.Case("a listener on a port", sidecar("app: client", `egress: [{port: {number: 80, protocol: HTTP, name: http}, bind: 127.0.0.1, captureMode: NONE, hosts: ["./*"]}]`), func(t *testing.T) {
		meshtest.Expect(t, s.client.ClientAt("egress|80"), "http://server/", 200, "GET /")
		meshtest.Expect(t, s.client.ClientAt("egress|80"), "http://server.default.svc.cluster.local/", 200, "GET /")
	})
	s.Case("a listener for TCP", sidecar("app: client", `egress: [{port: {number: 7000, protocol: TCP, name: tcp}, captureMode: NONE, hosts: ["./*"]}]`), func(t *testing.T) {
		if name, err := meshtest.Greeting(meshtest.Connect(t, fmt.Sprintf("127.0.0.1:%d", s.client.Port("egress|7000")))); err != nil || len(name) != 1 {
			t.Errorf("greeted by %q: %v", name, err)
		}
	})
	dir, err := os.MkdirTemp("", "socket")
	check(s.T(), err)
	s.T().Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "out")
	s.Case("a listener on a Unix socket", sidecar("app: client", `egress: [{port: {number: 0, protocol: HTTP, name: http}, bind: "unix://`+path+`", hosts: ["./*"]}]`), func(t *testing.T) {
		client := s.client.ClientOf(&http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		}})
		meshtest.Expect(t, client, "http://server/", 200, "GET /")
	})
}
