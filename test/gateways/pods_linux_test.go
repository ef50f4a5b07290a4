package gateways_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"testing"

	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/internal/meshtest"
)

// TestInPods: where the kernel redirects connections, they keep the address that they were going to, and gateways bind their ports themselves.
func TestInPods(t *testing.T) {
	meshtest.InPods(t, map[string]string{"egress.yaml": egressService}, inPods)
}

func inPods(p *meshtest.Pods) {
	client, gateway := p.Pod(meshtest.Sidecar("client")), p.Pod(meshtest.Gateway("egress", "istio=egressgateway"))
	outside, far := p.Stranger("outside"), p.Stranger("far")
	ca := newAuthority(p.T())
	for _, s := range []*meshtest.Pod{outside, far} {
		s.Serve()
		serveOrigin(p.T(), s.Listen(443), ca.issue(s.Name+".example.com"), nil)
	}
	unresolved(p, client, outside, far, ca)
	leavesPods(p, client, gateway, outside, ca)
}

// secureClient begins TLS at an address as if DNS had said so.
func secureClient(from *meshtest.Pod, address string, ca *authority) *http.Client {
	return from.ClientOf(&http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: ca.pool()}, DialContext: from.DialTo(address)})
}

// refused wants an error, or no answer that anybody outside gave.
func refused(t *testing.T, client *http.Client, url string) {
	t.Helper()
	envoytest.Eventually(t, url+" to be refused", func() error {
		if a, err := meshtest.Try(client, meshtest.Request{URL: url}); err == nil && a.Status != 502 {
			return fmt.Errorf("%d %s", a.Status, a.Body)
		}
		return nil
	})
}

// unresolved: resolution NONE leads connections where they were going, if their host, server name or address is declared.
func unresolved(p *meshtest.Pods, client, outside, far *meshtest.Pod, ca *authority) {
	// The gateway, which has no redirected connections and would look names up, does not see these.
	yaml := document("ServiceEntry", "default", "names", `{hosts: ["*.example.com"], exportTo: ["."], resolution: NONE, ports: [{number: 8080, name: http, protocol: HTTP}]}`) +
		document("ServiceEntry", "default", "secure", `{hosts: [outside.example.com], exportTo: ["."], resolution: NONE, ports: [{number: 443, name: tls, protocol: TLS}]}`) +
		document("ServiceEntry", "default", "range", fmt.Sprintf("{hosts: [bytes.example.org], exportTo: ['.'], addresses: [%s/32, 192.0.2.0/24], location: MESH_EXTERNAL, ports: [{number: 7000, name: tcp, protocol: tcp}]}", outside.Address)) +
		document("ServiceEntry", "default", "one", fmt.Sprintf("{hosts: [one.example.org], addresses: [10.99.1.1], resolution: STATIC, ports: [{number: 7001, name: tcp, protocol: TCP, targetPort: 7000}], endpoints: [{address: %s}]}", far.Address))
	p.Case("resolution NONE", yaml, func(t *testing.T) {
		meshtest.Expect(t, client.ClientTo(outside.Address+":8080"), "http://a.example.com:8080/x", 200, "outside GET /x")
		meshtest.Expect(t, client.ClientTo(far.Address+":8080"), "http://b.example.com:8080/x", 200, "far GET /x")
		refused(t, client.ClientTo(far.Address+":8080"), "http://example.org:8080/x")
		meshtest.Expect(t, secureClient(client, outside.Address+":443", ca), "https://outside.example.com/y", 200, "origin outside.example.com /y")
		refused(t, secureClient(client, far.Address+":443", ca), "https://far.example.com/y")
		greeted(t, "outside", func() (net.Conn, error) { return client.Dial(outside.Address + ":7000") })
		greeted(t, "far", func() (net.Conn, error) { return client.Dial("10.99.1.1:7001") })
		if conn, err := client.Dial(far.Address + ":7000"); err == nil {
			if name, err := greeting(conn); err == nil {
				t.Errorf("%s answers though its address is not declared", name)
			}
		}
	})
	yaml = document("ServiceEntry", "default", "dynamic", `{hosts: ["*.localhost"], resolution: DYNAMIC_DNS, ports: [{number: 8080, name: http, protocol: HTTP}, {number: 443, name: tls, protocol: TLS}]}`)
	p.Case("resolution DYNAMIC_DNS", yaml, func(t *testing.T) {
		l := client.Listen(8080) // localhost of the client
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "itself ", r.Host) })}
		done := make(chan struct{})
		go func() { defer close(done); _ = server.Serve(l) }()
		t.Cleanup(func() { _ = server.Close(); <-done })
		meshtest.Expect(t, client.ClientTo("192.0.2.1:8080"), "http://a.localhost:8080/", 200, "itself a.localhost:8080")
		serveOrigin(t, client.Listen(443), ca.issue("b.localhost"), nil)
		meshtest.Expect(t, secureClient(client, "192.0.2.1:443", ca), "https://b.localhost/z", 200, "origin b.localhost /z")
	})
}

// leavesPods: an egress gateway takes HTTP and TLS at its own ports, one of them at one address only.
func leavesPods(p *meshtest.Pods, client, gateway, outside *meshtest.Pod, ca *authority) {
	e := &leaving{Mesh: p.Mesh, gateway: gateway.Workload, ca: ca}
	yaml := document("ServiceEntry", "default", "outside", fmt.Sprintf(`{hosts: [outside.example.com], resolution: STATIC, endpoints: [{address: %s, ports: {http: 8080, tls: 443}}],
		ports: [{number: 80, name: http, protocol: HTTP}, {number: 443, name: tls, protocol: TLS}]}`, outside.Address)) +
		document("Gateway", "default", "egress", `{selector: {istio: egressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [outside.example.com]},
			{port: {number: 443, name: tls, protocol: TLS}, hosts: [outside.example.com], tls: {mode: PASSTHROUGH}},
			{port: {number: 9000, name: bound, protocol: HTTP}, bind: 127.0.0.1, hosts: [outside.example.com]}, {port: {number: 9000, name: absent, protocol: HTTP}, bind: 192.0.2.7, hosts: ["*"]},
			{port: {number: 15021, name: own, protocol: HTTP}, hosts: ["*"]}]}`) +
		document("VirtualService", "default", "egress", fmt.Sprintf(`{hosts: [outside.example.com], gateways: [egress, mesh], http: [
			{match: [{gateways: [mesh], port: 80}], route: [{destination: {host: %[1]s, port: {number: 80}}}]}, {match: [{gateways: [egress]}], route: [{destination: {host: outside.example.com, port: {number: 80}}}]}],
			tls: [{match: [{gateways: [mesh], port: 443, sniHosts: [outside.example.com]}], route: [{destination: {host: %[1]s, port: {number: 443}}}]},
			{match: [{gateways: [egress], port: 443, sniHosts: [outside.example.com]}], route: [{destination: {host: outside.example.com, port: {number: 443}}}]}]}`, egressHost))
	p.Case("an egress gateway", yaml, func(t *testing.T) {
		meshtest.Expect(t, client.ClientTo("192.0.2.1:80"), "http://outside.example.com/x", 200, "outside GET /x")
		e.passed(0, "outbound|80||outside.example.com")
		meshtest.Expect(t, secureClient(client, "192.0.2.1:443", ca), "https://outside.example.com/y", 200, "origin outside.example.com /y")
		e.passed(0, "outbound|443||outside.example.com")
		meshtest.Expect(t, gateway.ClientTo("127.0.0.1:9000"), "http://outside.example.com/z", 200, "outside GET /z")
		if conn, err := outside.DialTo(gateway.Address+":9000")(context.Background(), "tcp", ""); err == nil {
			conn.Close()
			t.Error("a server that is bound to loopback takes connections from elsewhere")
		}
		told(t, p.Mesh, "port 15021 is the proxy's own")
	})
}
