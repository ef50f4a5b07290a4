package gateways_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/internal/meshtest"
)

// TestServers: what the servers of a gateway speak, and which routes they take.
func TestServers(t *testing.T) {
	m := meshtest.New(t, map[string]string{"web.yaml": webService})
	start(m, "v1")
	start(m, "v2")
	client, gateway := m.Start(meshtest.Sidecar("client")), m.Start(meshtest.Gateway("ingress"))
	hosts(m, gateway)
	ports(m, gateway)
	streams(m, gateway)
	passThrough(m, gateway)
	autoPassThrough(m, client)
}

// toVersion is a VirtualService of the gateway edge that leads a host to a version.
func toVersion(namespace, name, host, gateway, subset string) string {
	return document("VirtualService", namespace, name, fmt.Sprintf(`{hosts: ["%s"], gateways: [%s], http: [{route: [{destination: {host: web.default.svc.cluster.local, subset: %s, port: {number: 80}}}]}]}`, host, gateway, subset))
}

func hosts(m *meshtest.Mesh, gateway *meshtest.Workload) {
	yaml := document("Gateway", "default", "edge", `{selector: {istio: ingressgateway}, servers: [
		{name: front, port: {number: 8080, name: http, protocol: HTTP}, hosts: ["other/team.example.com", "./own.example.com", "*/*.shop.example.com", plain.example.com]},
		{port: {number: 8080, name: http2, protocol: HTTP}, hosts: [upgrade.example.com], tls: {httpsRedirect: true}}]}`) +
		document("Gateway", "other", "second", `{selector: {istio: ingressgateway}, servers: [{port: {number: 8080, name: grpc, protocol: GRPC}, hosts: ["merged.example.com"]}]}`) +
		toVersion("other", "team", "team.example.com", "default/edge", "v1") + toVersion("default", "team", "team.example.com", "edge", "V2") +
		toVersion("default", "own", "own.example.com", "edge", "V2") + toVersion("other", "own", "own.example.com", "default/edge", "v1") +
		toVersion("default", "shop", "*.example.com", "edge", "v1") + toVersion("other", "merged", "merged.example.com", "second", "V2") +
		document("VirtualService", "default", "merged-more", `{hosts: [merged.example.com], gateways: [other/second], http: [{match: [{uri: {prefix: /v1}}], route: [{destination: {host: web, subset: v1, port: {number: 80}}}]}]}`)
	m.Case("hosts", yaml, func(t *testing.T) {
		web := gateway.ClientAt("gateway|8080")
		for host, program := range map[string]string{
			"team.example.com": "web-v1", "own.example.com": "web-v2", "a.shop.example.com": "web-v1", "plain.example.com": "web-v1",
			"merged.example.com": "web-v2", "merged.example.com/v1": "web-v1", "PLAIN.example.com:8080": "web-v1",
		} {
			meshtest.Expect(t, web, "http://"+host, 200, program)
		}
		for _, host := range []string{"shop.example.com", "example.com", "other.example.com"} {
			meshtest.Expect(t, web, "http://"+host+"/", 404, "")
		}
		if a := meshtest.Get(t, web, "http://upgrade.example.com/x"); a.Status != 301 || a.Header.Get("Location") != "https://upgrade.example.com/x" {
			t.Errorf("httpsRedirect: %d %v", a.Status, a.Header)
		}
		if n := gateway.Stat("http.front.downstream_rq_total"); n == 0 {
			t.Error("the name of the server is not in the statistics")
		}
	})
}

func ports(m *meshtest.Mesh, gateway *meshtest.Workload) {
	yaml := `
apiVersion: v1
kind: Service
metadata: {name: istio-ingressgateway, namespace: istio-system}
spec: {selector: {istio: ingressgateway}, ports: [{name: http2, port: 80, targetPort: 8080}]}
` + document("Gateway", "default", "edge", `{selector: {istio: ingressgateway}, servers: [
		{port: {number: 80, name: http, protocol: HTTP2}, hosts: ["*"]}, {port: {number: 8080, name: same, protocol: HTTP}, hosts: [same.example.com]},
		{port: {number: 8080, name: tcp, protocol: TCP}, hosts: ["*"]}, {port: {number: 0, name: socket, protocol: HTTP}, bind: "unix://@meshctl-test-edge", hosts: ["*"]},
		{port: {number: 9090, name: bound, protocol: HTTP}, bind: 127.0.0.1, hosts: ["*"]}]}`) +
		document("Gateway", "default", "elsewhere", `{selector: {istio: egressgateway}, servers: [{port: {number: 9091, name: http, protocol: HTTP}, hosts: ["*"]}]}`) +
		document("Gateway", "default", "every", `{servers: [{port: {number: 9092, name: http, protocol: HTTP}, hosts: ["*"]}]}`) +
		toVersion("default", "edge", "*", "edge, every", "v1")
	m.Case("ports", yaml, func(t *testing.T) {
		meshtest.Expect(t, gateway.ClientAt("gateway|8080"), "http://a.example.com/", 200, "web-v1")
		meshtest.Expect(t, gateway.ClientAt("gateway|8080"), "http://same.example.com/", 200, "web-v1")
		meshtest.Expect(t, gateway.ClientAt("gateway|9090"), "http://a.example.com/", 200, "web-v1")
		meshtest.Expect(t, gateway.ClientAt("gateway|9092"), "http://a.example.com/", 200, "web-v1")
		socket := gateway.ClientOf(&http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", "@meshctl-test-edge")
		}})
		meshtest.Expect(t, socket, "http://a.example.com/", 200, "web-v1")
		if _, ok := gateway.State().Bindings["gateway|9091"]; ok {
			t.Error("the gateway serves what selects another")
		}
		told(t, m, "is already served with another protocol by Gateway/default/edge")
	})
}

func streams(m *meshtest.Mesh, gateway *meshtest.Workload) {
	ca := newAuthority(m.T())
	yaml := document("Gateway", "default", "edge", `{selector: {istio: ingressgateway}, servers: [
		{name: bytes, port: {number: 31400, name: tcp, protocol: TCP}, hosts: ["*"]}, {port: {number: 31401, name: mongo, protocol: MONGO}, hosts: ["*"]},
		{port: {number: 31402, name: tls, protocol: TLS}, hosts: [one.example.com], tls: {mode: SIMPLE, credentialName: one}},
		{port: {number: 31402, name: more, protocol: TLS}, hosts: [two.example.com], tls: {mode: SIMPLE, credentialName: one}}]}`) +
		document("VirtualService", "default", "edge", `{hosts: ["*"], gateways: [edge], tcp: [
		{match: [{port: 31400}], route: [{destination: {host: web, subset: v1, port: {number: 7000}}, weight: 80}, {destination: {host: web, subset: V2, port: {number: 7000}}, weight: 20}]},
		{match: [{port: 31401}], route: [{destination: {host: web, subset: V2, port: {number: 7000}}}]}]}`) +
		document("VirtualService", "default", "one", `{hosts: [one.example.com], gateways: [edge], tcp: [{match: [{port: 31402}], route: [{destination: {host: web, subset: v1, port: {number: 7000}}}]}]}`) +
		document("VirtualService", "default", "two", `{hosts: [two.example.com], gateways: [edge], tcp: [{match: [{port: 31402}], route: [{destination: {host: web, subset: V2, port: {number: 7000}}}]}]}`) +
		secret("one", ca.issue("one.example.com").data())
	m.Case("streams", yaml, func(t *testing.T) {
		port := func(n int) string { return fmt.Sprintf("127.0.0.1:%d", gateway.Port(fmt.Sprintf("gateway|%d", n))) }
		greeted(t, "web-v2", func() (net.Conn, error) { return net.Dial("tcp", port(31401)) })
		greeted(t, "web-v1", func() (net.Conn, error) { return net.Dial("tcp", port(31400)) })
		meshtest.Share(t, 200, 0.2, func() bool {
			conn, err := net.Dial("tcp", port(31400))
			check(t, err)
			name, err := greeting(conn)
			check(t, err)
			return name == "web-v2"
		})
		for host, program := range map[string]string{"one.example.com": "web-v1", "two.example.com": "web-v2"} {
			greeted(t, program, func() (net.Conn, error) {
				return tls.Dial("tcp", port(31402), &tls.Config{ServerName: host, InsecureSkipVerify: true})
			})
		}
		if _, err := tls.Dial("tcp", port(31402), &tls.Config{ServerName: "three.example.com", InsecureSkipVerify: true}); err == nil {
			t.Error("a server name that nobody serves is answered")
		}
	})
}

// greeting reads the line with which a Program begins.
func greeting(conn net.Conn) (string, error) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(envoytest.Timeout))
	return meshtest.Greeting(conn)
}

// greeted waits until a connection is answered by a program.
func greeted(t *testing.T, program string, dial func() (net.Conn, error)) {
	t.Helper()
	envoytest.Eventually(t, program, func() error {
		conn, err := dial()
		if err != nil {
			return err
		}
		name, err := greeting(conn)
		if err == nil && name != program {
			err = fmt.Errorf("%q answers", name)
		}
		return err
	})
}

func passThrough(m *meshtest.Mesh, gateway *meshtest.Workload) {
	ca := newAuthority(m.T())
	one, two := startOrigin(m.T(), ca.issue("one.example.com"), nil), startOrigin(m.T(), ca.issue("two.example.com"), nil)
	entry := func(name string, o *origin) string {
		return document("ServiceEntry", "default", name, fmt.Sprintf("{hosts: [%s.internal], resolution: STATIC, ports: [{number: 443, name: tls, protocol: TLS}], endpoints: [{address: 127.0.0.1, ports: {tls: %d}}]}", name, o.port))
	}
	yaml := entry("one", one) + entry("two", two) +
		document("Gateway", "default", "edge", `{selector: {istio: ingressgateway}, servers: [{port: {number: 443, name: https, protocol: HTTPS}, hosts: ["*.example.com"], tls: {mode: PASSTHROUGH}}]}`) +
		document("VirtualService", "default", "one", `{hosts: [one.example.com, two.example.com], gateways: [edge], tls: [
		{match: [{port: 443, sniHosts: [one.example.com]}], route: [{destination: {host: one.internal, port: {number: 443}}}]},
		{match: [{port: 443, sniHosts: [two.example.com, one.example.com, two.example.net]}], route: [{destination: {host: two.internal, port: {number: 443}}}]},
		{match: [{port: 444, sniHosts: [four.example.com]}], route: [{destination: {host: two.internal, port: {number: 443}}}]}]}`)
	m.Case("PASSTHROUGH", yaml, func(t *testing.T) {
		at := fmt.Sprintf("127.0.0.1:%d", gateway.Port("gateway|443"))
		web := gateway.ClientOf(&http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: ca.pool()}, DialContext: gateway.DialTo(at)})
		meshtest.Expect(t, web, "https://one.example.com/", 200, "one.example.com")
		meshtest.Expect(t, web, "https://two.example.com/", 200, "two.example.com")
		for _, name := range []string{"three.example.com", "two.example.net", "four.example.com"} {
			if conn, err := tls.Dial("tcp", at, &tls.Config{ServerName: name, InsecureSkipVerify: true}); err == nil {
				conn.Close()
				t.Errorf("%s is answered", name)
			}
		}
		told(t, m, `"one.example.com" is already served on port 443`)
	})
}

// autoPassThrough leads the mesh's own TLS to the service in the server name, still encrypted: the client's identity arrives.
func autoPassThrough(m *meshtest.Mesh, client *meshtest.Workload) {
	east := m.Start(meshtest.Gateway("east", "istio=eastwestgateway"))
	entry := func(port int) string {
		return document("ServiceEntry", "default", "far", fmt.Sprintf(`{hosts: [far.example.com], location: MESH_INTERNAL, resolution: STATIC, ports: [{number: 80, name: http, protocol: HTTP}, {number: 7000, name: tcp, protocol: TCP}],
			endpoints: [{address: 127.0.0.1, ports: {http: %d, tcp: %d}}]}`, port, port)) +
			document("DestinationRule", "default", "far", `{host: far.example.com, trafficPolicy: {portLevelSettings: [
				{port: {number: 80}, tls: {mode: ISTIO_MUTUAL, sni: outbound_.80_.V2_.web.default.svc.cluster.local}},
				{port: {number: 7000}, tls: {mode: ISTIO_MUTUAL, sni: outbound_.7000_._.web.default.svc.cluster.local}}]}}`)
	}
	yaml := document("Gateway", "istio-system", "cross-network-gateway", `{selector: {istio: eastwestgateway}, servers: [{port: {number: 15443, name: tls, protocol: TLS}, tls: {mode: AUTO_PASSTHROUGH}, hosts: ["*.local"]}]}`)
	m.Case("AUTO_PASSTHROUGH", yaml, func(t *testing.T) {
		port := int(east.Port("gateway|15443"))
		m.Write("far.yaml", entry(port))
		defer m.Remove("far.yaml")
		m.Settle()
		a := meshtest.Expect(t, client.Client(), "http://far.example.com/", 200, "web-v2")
		if id := a.Echo.Header.Get("X-Forwarded-Client-Cert"); !strings.Contains(id, "sa/client") {
			t.Errorf("the caller is %q", id)
		}
		greeting := func() (net.Conn, error) { return net.Dial("tcp", client.Local("far.example.com", 7000)) }
		greeted(t, "web-v1", greeting)
		greeted(t, "web-v2", greeting)
		for _, name := range []string{"far.example.com", "outbound_.80_._.other.default.svc.cluster.local"} {
			conn, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port), &tls.Config{ServerName: name, InsecureSkipVerify: true, NextProtos: []string{"istio"}})
			if !errors.Is(err, io.EOF) && err == nil {
				conn.Close()
				t.Errorf("%s is answered", name)
			}
		}
	})
}
