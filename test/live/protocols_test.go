package live_test

import (
	"bufio"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/internal/meshtest"
)

const limits = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: server, namespace: default}
spec:
  host: server
  subsets: [{name: v1, labels: {version: v1}}]
  trafficPolicy: {connectionPool: {tcp: {maxConnections: 1}, http: {http1MaxPendingRequests: 1}}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: server, namespace: default}
spec: {hosts: [server], http: [{retries: {attempts: 0}, route: [{destination: {host: server, subset: v1}}]}]}
`

// limits: what goes beyond one request on the way and one that waits is refused at once.
func (m *mesh) limits(t *testing.T) {
	const cluster = "cluster.outbound|80|v1|server.default.svc.cluster.local."
	client := m.client.Client()
	meshtest.Expect(t, client, "http://server/", 200, "v1")
	type answer struct {
		status     int
		overloaded string
		err        error
	}
	const n = 10
	answers := make(chan answer, n)
	for range n {
		go func() {
			a, err := meshtest.Try(client, meshtest.Request{URL: "http://server/hold"})
			answers <- answer{a.Status, a.Header.Get("x-envoy-overloaded"), err}
		}()
	}
	refused, served := 0, 0
	for i := range n {
		if i == n-2 {
			m.v1.Release() // those that were let through end now
		}
		select {
		case a := <-answers:
			switch {
			case a.err != nil:
				t.Error(a.err)
			case a.status == 503 && a.overloaded == "true":
				refused++
			case a.status == 200:
				served++
			default:
				t.Errorf("answer %+v", a)
			}
		case <-time.After(envoytest.Timeout):
			t.Fatalf("%d answers of %d", i, n)
		}
	}
	if refused != n-2 || served != 2 {
		t.Errorf("%d refused and %d served, want %d and 2", refused, served, n-2)
	}
	if got := m.client.Stat(cluster + "upstream_rq_pending_overflow"); got != refused {
		t.Errorf("envoy counts %d overflows", got)
	}
}

// grpc: a local port speaks HTTP/2 to the service, with mutual TLS on the way.
func (m *mesh) grpc(t *testing.T) {
	header, err := meshtest.CallGRPC(t, m.local("server.default.svc.cluster.local", 9000))
	check(t, err)
	if caller := strings.Join(header.Get("caller"), ","); !strings.Contains(caller, "URI=spiffe://cluster.local/ns/default/sa/client") {
		t.Errorf("the caller is %q", caller)
	}
}

// upgrades: a WebSocket passes both sidecars, through the HTTP proxy and by a local port.
func (m *mesh) upgrades(t *testing.T) {
	for _, way := range []struct{ address, target string }{
		{fmt.Sprintf("127.0.0.1:%d", m.client.Port("http_proxy")), "http://server/ws"},
		{m.local("server.default.svc.cluster.local", 80), "/ws"},
	} {
		conn := meshtest.Connect(t, way.address)
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: server\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n\r\n", way.target)
		r := bufio.NewReader(conn)
		resp, err := http.ReadResponse(r, nil)
		check(t, err)
		if resp.StatusCode != http.StatusSwitchingProtocols {
			t.Errorf("%s: %s", way.target, resp.Status)
			continue
		}
		fmt.Fprint(conn, "hello\n")
		if line, err := r.ReadString('\n'); line != "echo hello\n" {
			t.Errorf("%s: %q, %v", way.target, line, err)
		}
	}
}

const clientProtocol = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: server, namespace: default}
spec: {host: server, trafficPolicy: {connectionPool: {http: {useClientProtocol: true}}}}
`

// clientProtocol: what the client speaks is spoken to the server, over mutual TLS too.
func (m *mesh) clientProtocol(t *testing.T) {
	meshtest.Expect(t, m.client.Client(), "http://server/one", 200, "URI=spiffe://cluster.local/ns/default/sa/client")
	protocols := &http.Protocols{}
	protocols.SetUnencryptedHTTP2(true)
	two := m.client.ClientOf(&http.Transport{Protocols: protocols})
	address := m.local("server.default.svc.cluster.local", 80)
	meshtest.Expect(t, two, "http://"+address+"/two", 200, "URI=spiffe://cluster.local/ns/default/sa/client")
	const http2 = "cluster.outbound|80||server.default.svc.cluster.local.upstream_cx_http2_total"
	if m.client.Stat(http2) == 0 {
		t.Error("HTTP/2 of the client was not spoken to the server")
	}
}

const portModes = `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: server, namespace: default}
spec:
  selector: {matchLabels: {app: server}}
  mtls: {mode: STRICT}
  portLevelMtls: {8080: {mode: PERMISSIVE}, 7000: {mode: DISABLE}}
`

// portModes: one port takes both, one plaintext only, the others mutual TLS only.
func (m *mesh) portModes(t *testing.T) {
	const identity = "URI=spiffe://cluster.local/ns/default/sa/client"
	direct := func(target int) string {
		return fmt.Sprintf("127.0.0.1:%d", m.first.Port(fmt.Sprintf("inbound|%d", target)))
	}
	plain := m.client.ClientOf(&http.Transport{})
	meshtest.Expect(t, m.client.Client(), "http://server/permissive", 200, identity)
	a := meshtest.Expect(t, plain, "http://"+direct(8080)+"/plain", 200, "")
	if caller := a.Echo.Header.Get("x-forwarded-client-cert"); caller != "" {
		t.Errorf("plaintext from %q", caller)
	}
	for _, address := range []string{m.local("server.default.svc.cluster.local", 7000), direct(7000)} {
		envoytest.Eventually(t, "plaintext at "+address, func() error { _, err := meshtest.Greeting(meshtest.Connect(t, address)); return err })
	}
	m.grpc(t) // STRICT: the sidecar has a certificate
	envoytest.Eventually(t, "plaintext to be refused", func() error {
		conn := meshtest.Connect(t, direct(9000))
		defer conn.Close()
		fmt.Fprint(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
		if _, err := bufio.NewReader(conn).ReadByte(); err == nil {
			return fmt.Errorf("it was answered")
		}
		return nil
	})
}
