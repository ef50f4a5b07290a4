package traffic_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/internal/meshtest"
)

const serverHost = "server.default.svc.cluster.local"

// connections tries what is no plain request: TLS and TCP routes, tunnels, upgrades and gRPC.
func (m *routed) connections() {
	m.Case("tls routes", streams("server, a.example.com, \"*.b.example.com\"", sniRoutes), func(t *testing.T) {
		local := m.client.Local(serverHost, 443)
		for name, program := range map[string]string{"a.example.com": "v1", "x.b.example.com": "v2"} {
			meshtest.Await(t, m.secure(local, name), meshtest.Request{URL: "https://" + name + "/"}, by(program))
		}
	})
	m.Case("tls routes by labels and share", streams("server", `
  tls:
  - match: [{sniHosts: [`+serverHost+`], sourceNamespace: far}]
    route: [{destination: {host: shadow}}]
  - match: [{sniHosts: [`+serverHost+`], sourceLabels: {tier: gold}, gateways: [mesh]}]
    route: [{destination: {host: server, subset: v1}, weight: 1}, {destination: {host: server, subset: v2}, weight: 3}]
`), func(t *testing.T) {
		client := m.secure(m.client.Local(serverHost, 443), serverHost)
		meshtest.Await(t, client, meshtest.Request{URL: "https://" + serverHost + "/"}, by("v1"))
		meshtest.Share(t, 200, 0.75, func() bool { return meshtest.Get(t, client, "https://"+serverHost+"/").Echo.Program == "v2" })
	})
	m.Case("a tunnel to a tls route", streams("server", `
  tls: [{match: [{sniHosts: [`+serverHost+`]}], route: [{destination: {host: server, subset: v2}}]}]
`), func(t *testing.T) {
		proxy := &url.URL{Scheme: "http", Host: fmt.Sprintf("127.0.0.1:%d", m.client.Port("http_proxy"))}
		client := m.client.ClientOf(&http.Transport{Proxy: http.ProxyURL(proxy), DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}})
		for range 10 {
			meshtest.Await(t, client, meshtest.Request{URL: "https://" + serverHost + "/"}, by("v2"))
		}
	})
	m.Case("tcp routes", streams("server", `
  tcp:
  - match: [{port: 7001}]
    route: [{destination: {host: shadow}}]
  - match: [{port: 7000, sourceNamespace: far}]
    route: [{destination: {host: server, subset: v2}}]
  - match: [{port: 7000, sourceLabels: {tier: gold}, gateways: [mesh]}]
    route: [{destination: {host: server, subset: v1}, weight: 80}, {destination: {host: server, subset: v2}, weight: 20}]
`), func(t *testing.T) {
		local := m.client.Local(serverHost, 7000)
		meshtest.Share(t, 300, 0.2, func() bool { return greeted(t, local) == "v2" })
		for range 10 {
			if name := greeted(t, m.far.Local(serverHost, 7000)); name != "v2" {
				t.Fatalf("%s answers", name)
			}
		}
	})
	m.Case("websocket", rules(`
  - {match: [{uri: {prefix: /chat}}], rewrite: {uri: /ws}, route: [{destination: {host: server}}]}
`), m.websocket)
	m.Case("gRPC", rules(`
  - {match: [{uri: {prefix: /grpc.health.v1.Health/Check}, headers: {x-to: {exact: v2}}}], route: [{destination: {host: server, subset: v2}}]}
  - {route: [{destination: {host: server, subset: v1}}]}
`), func(t *testing.T) {
		for _, to := range []string{"v1", "v2"} {
			header, err := meshtest.CallGRPC(t, m.client.Local(serverHost, 9000), "x-to="+to)
			if got := strings.Join(header.Get("program"), ","); err != nil || got != to {
				t.Errorf("%s answers, want %s: %v", got, to, err)
			}
		}
	})
	m.Case("gRPC-Web", edge("web", "2024-01-01T00:00:00Z", `["*"]`, `
  - corsPolicy: {allowOrigins: [{exact: "https://a.example.com"}], allowHeaders: [content-type, x-grpc-web], exposeHeaders: [grpc-status]}
    route: [{destination: {host: server, port: {number: 9001}}}]`), func(t *testing.T) {
		m.grpcWeb(t, m.gateway.ClientAt("gateway|8081"), "http://any.example.com")
		m.grpcWeb(t, m.client.ClientAt("outbound|9001|"+serverHost), "http://server") // the client's sidecar translates
		m.grpcWeb(t, m.client.Client(), "http://shadow:9000")                         // the server's does
	})
}

// streams is a VirtualService of some hosts with TLS or TCP routes.
func streams(hosts, routes string) string {
	return `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: server, namespace: default}
spec:
  hosts: [` + hosts + `]` + routes
}

const sniRoutes = `
  tls:
  - match: [{port: 443, sniHosts: [a.example.com]}]
    route: [{destination: {host: server, subset: v1}}]
  - match: [{port: 444, sniHosts: ["*.b.example.com"]}]
    route: [{destination: {host: shadow}}]
  - match: [{port: 443, sniHosts: ["*.b.example.com"]}]
    route: [{destination: {host: server, subset: v2}}]
`

// secure is a client that asks for a name at an address, on a new connection each time.
func (m *routed) secure(address, name string) *http.Client {
	return m.client.ClientOf(&http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: name},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{Timeout: envoytest.Timeout}).DialContext(ctx, network, address)
		},
	})
}

// by wants a program to answer.
func by(program string) func(meshtest.Answer) error {
	return func(a meshtest.Answer) error {
		if a.Echo.Program != program {
			return fmt.Errorf("want %s", program)
		}
		return nil
	}
}

func greeted(t *testing.T, address string) string {
	t.Helper()
	conn := meshtest.Connect(t, address)
	defer conn.Close()
	name, err := meshtest.Greeting(conn)
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func (m *routed) websocket(t *testing.T) {
	conn := meshtest.Connect(t, m.client.Local(serverHost, 80))
	fmt.Fprint(conn, "GET /chat HTTP/1.1\r\nHost: server\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n\r\n")
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v, %v", resp, err)
	}
	fmt.Fprint(conn, "hello\n")
	if line, err := r.ReadString('\n'); line != "echo hello\n" {
		t.Errorf("%q, %v", line, err)
	}
}

// grpcWeb calls the health service as a browser does: the answer is a message, and a frame of trailers.
func (m *routed) grpcWeb(t *testing.T, client *http.Client, base string) {
	t.Helper()
	a := meshtest.Await(t, client, meshtest.Request{
		Method: http.MethodPost, URL: base + "/grpc.health.v1.Health/Check", Body: "\x00\x00\x00\x00\x00",
		Headers: []string{"content-type=application/grpc-web+proto", "x-grpc-web=1", "Origin=https://a.example.com"},
	}, func(a meshtest.Answer) error {
		if a.Status != 200 || a.Header.Get("Program") == "" {
			return fmt.Errorf("want an answer of a program")
		}
		return nil
	})
	if got := a.Header.Get("Content-Type"); got != "application/grpc-web+proto" {
		t.Errorf("content type %q", got)
	}
	message := []byte(a.Body)
	if len(message) < 5 || message[0] != 0 {
		t.Fatalf("no message: %q", a.Body)
	}
	length := int(binary.BigEndian.Uint32(message[1:5]))
	if rest := a.Body[5+length:]; len(rest) < 5 || rest[0] != 0x80 || !strings.Contains(rest, "grpc-status:0") {
		t.Errorf("no trailers: %q", rest)
	}
}
