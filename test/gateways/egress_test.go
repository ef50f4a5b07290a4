package gateways_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/internal/meshtest"
)

// egressService stands in front of the egress gateway, as Istio installs it.
const egressService = `
apiVersion: v1
kind: Service
metadata: {name: istio-egressgateway, namespace: istio-system}
spec: {selector: {istio: egressgateway}, ports: [{name: http2, port: 80, targetPort: 8080}, {name: https, port: 443, targetPort: 8443}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data: {mesh: "outboundTrafficPolicy: {mode: REGISTRY_ONLY}"}
`

const egressHost = "istio-egressgateway.istio-system.svc.cluster.local"

// leaving is a client, an egress gateway and servers outside the mesh.
type leaving struct {
	*meshtest.Mesh
	client, gateway *meshtest.Workload
	ca              *authority
	plain           *meshtest.Program
	secure, mutual  *origin
}

// TestEgress follows the patterns that Istio documents for egress gateways.
func TestEgress(t *testing.T) {
	m := meshtest.New(t, map[string]string{"egress.yaml": egressService})
	e := &leaving{Mesh: m, client: m.Start(meshtest.Sidecar("client")), gateway: m.Start(meshtest.Gateway("egress", "istio=egressgateway")), ca: newAuthority(t)}
	e.plain = meshtest.StartProgram(t, "outside")
	e.secure, e.mutual = startOrigin(t, e.ca.issue("api.example.com"), nil), startOrigin(t, e.ca.issue("api.example.com"), e.ca)
	e.http()
	e.passThrough()
	e.origination()
	e.mutualOrigination()
	e.streams()
}

// entry declares api.example.com, served by origins on loopback.
func (e *leaving) entry(tls *origin) string {
	return document("ServiceEntry", "default", "api", fmt.Sprintf(`{hosts: [api.example.com], resolution: DNS, ports: [{number: 80, name: http-port, protocol: HTTP}, {number: 443, name: https, protocol: HTTPS}],
		endpoints: [{address: localhost, ports: {http-port: %d, https: %d}}]}`, e.plain.Ports()[8080], tls.port))
}

// through is a VirtualService that leads requests through the gateway's port and from there to a port of the host.
func through(gatewayPort, port int) string {
	return document("VirtualService", "default", "through-egress", fmt.Sprintf(`{hosts: [api.example.com], gateways: [istio-egressgateway, mesh], http: [
		{match: [{gateways: [mesh], port: 80}], headers: {request: {set: {x-via: egress}}}, route: [{destination: {host: %s, subset: api, port: {number: %d}}, weight: 100}]},
		{match: [{gateways: [istio-egressgateway], port: %d}], route: [{destination: {host: api.example.com, port: {number: %d}}, weight: 100}]}]}`, egressHost, gatewayPort, gatewayPort, port))
}

// mutualServer is a gateway that takes only the mesh's mutual TLS, and the rule by which sidecars use it.
func mutualServer(protocol string) string {
	return document("Gateway", "default", "istio-egressgateway", fmt.Sprintf(`{selector: {istio: egressgateway}, servers: [{port: {number: 443, name: https, protocol: %s}, hosts: [api.example.com], tls: {mode: ISTIO_MUTUAL}}]}`, protocol)) +
		document("DestinationRule", "default", "egressgateway-for-api", fmt.Sprintf(`{host: %s, subsets: [{name: api, trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}, portLevelSettings: [{port: {number: 443}, tls: {mode: ISTIO_MUTUAL, sni: api.example.com}}]}}]}`, egressHost))
}

// tunnel is a client that sends TLS through the sidecar's HTTP proxy, by CONNECT.
func (e *leaving) tunnel() *http.Client {
	proxy := &url.URL{Scheme: "http", Host: fmt.Sprintf("127.0.0.1:%d", e.client.Port("http_proxy"))}
	return e.client.ClientOf(&http.Transport{DisableKeepAlives: true, Proxy: http.ProxyURL(proxy), TLSClientConfig: &tls.Config{RootCAs: e.ca.pool()}})
}

// passed wants the gateway to have led a connection to a cluster since before.
func (e *leaving) passed(before int, cluster string) {
	e.T().Helper()
	if after := e.gateway.Stat("cluster." + cluster + ".upstream_cx_total"); after <= before {
		e.T().Errorf("the gateway led nothing to %s", cluster)
	}
}

func (e *leaving) http() {
	yaml := e.entry(e.secure) + through(80, 80) +
		document("Gateway", "default", "istio-egressgateway", `{selector: {istio: egressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [api.example.com]}]}`) +
		document("DestinationRule", "default", "egressgateway-for-api", "{host: "+egressHost+", subsets: [{name: api}]}")
	e.Case("HTTP", yaml, func(t *testing.T) {
		a := meshtest.Expect(t, e.client.Client(), "http://api.example.com/politics", 200, "outside GET /politics")
		if a.Echo.Host != "api.example.com" || a.Echo.Header.Get("X-Via") != "egress" {
			t.Errorf("%s", a.Body)
		}
		e.passed(0, "outbound|80||api.example.com")
		meshtest.Expect(t, e.client.Client(), "http://other.example.com/", 502, "")
	})
}

func (e *leaving) passThrough() {
	yaml := e.entry(e.secure) +
		document("Gateway", "default", "istio-egressgateway", `{selector: {istio: egressgateway}, servers: [{port: {number: 443, name: tls, protocol: TLS}, hosts: [api.example.com], tls: {mode: PASSTHROUGH}}]}`) +
		document("DestinationRule", "default", "egressgateway-for-api", "{host: "+egressHost+", subsets: [{name: api}]}") +
		document("VirtualService", "default", "through-egress", `{hosts: [api.example.com], gateways: [mesh, istio-egressgateway], tls: [
			{match: [{gateways: [mesh], port: 443, sniHosts: [api.example.com]}], route: [{destination: {host: `+egressHost+`, subset: api, port: {number: 443}}}]},
			{match: [{gateways: [istio-egressgateway], port: 443, sniHosts: [api.example.com]}], route: [{destination: {host: api.example.com, port: {number: 443}}, weight: 100}]}]}`)
	e.Case("TLS by name", yaml, func(t *testing.T) {
		meshtest.Expect(t, e.tunnel(), "https://api.example.com/x", 200, "origin api.example.com /x host=api.example.com sni=api.example.com")
		e.passed(0, "outbound|443||api.example.com")
		local := e.client.ClientOf(&http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: e.ca.pool()}, DialContext: e.client.DialTo(e.client.Local("api.example.com", 443))})
		before := e.gateway.Stat("cluster.outbound|443||api.example.com.upstream_cx_total")
		meshtest.Expect(t, local, "https://api.example.com/y", 200, "origin api.example.com /y")
		e.passed(before, "outbound|443||api.example.com")
	})
}

// origination: requests go to the gateway by mutual TLS, and on by TLS that the gateway begins.
func (e *leaving) origination() {
	yaml := e.entry(e.secure) + mutualServer("HTTPS") + through(443, 443) + secret("origin-ca", map[string][]byte{"ca.crt": e.ca.root()}) +
		document("DestinationRule", "default", "originate-tls", `{host: api.example.com, trafficPolicy: {portLevelSettings: [{port: {number: 443}, tls: {mode: SIMPLE, credentialName: origin-ca, sni: api.example.com}}]}}`)
	e.Case("TLS from the gateway", yaml, func(t *testing.T) {
		meshtest.Expect(t, e.client.Client(), "http://api.example.com/x", 200, "origin api.example.com /x host=api.example.com sni=api.example.com client= via=egress")
		refusesStrangers(t, e.gateway, "gateway|8443")
	})
	roots := file(e.T(), "ca.pem", e.ca.root())
	yaml = strings.Replace(yaml, "credentialName: origin-ca", "caCertificates: "+roots, 1)
	e.Case("TLS from the gateway with authorities in a file", yaml, func(t *testing.T) {
		meshtest.Expect(t, e.client.Client(), "http://api.example.com/y", 200, "origin api.example.com /y host=api.example.com sni=api.example.com")
	})
}

// refusesStrangers wants a listener that takes no TLS without the mesh's certificates.
func refusesStrangers(t *testing.T, w *meshtest.Workload, binding string) {
	t.Helper()
	at := fmt.Sprintf("127.0.0.1:%d", w.Port(binding))
	client := w.ClientOf(&http.Transport{DialTLSContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		d := tls.Dialer{Config: &tls.Config{ServerName: "api.example.com", InsecureSkipVerify: true}}
		return d.DialContext(ctx, "tcp", at)
	}})
	if a, err := meshtest.Try(client, meshtest.Request{URL: "https://api.example.com/"}); err == nil {
		t.Errorf("a stranger is answered %d %s", a.Status, a.Body)
	}
}

func (e *leaving) mutualOrigination() {
	credential := e.ca.issue("gateway.example.com").data()
	credential["ca.crt"] = e.ca.root()
	yaml := e.entry(e.mutual) + mutualServer("HTTPS") + through(443, 443) + secret("client-credential", credential) +
		document("DestinationRule", "default", "originate-mtls", `{host: api.example.com, trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}, portLevelSettings: [
			{port: {number: 443}, tls: {mode: MUTUAL, credentialName: client-credential, sni: api.example.com}}]}}`)
	e.Case("mutual TLS from the gateway", yaml, func(t *testing.T) {
		meshtest.Expect(t, e.client.Client(), "http://api.example.com/x", 200, "origin api.example.com /x host=api.example.com sni=api.example.com client=gateway.example.com via=egress")
	})
}

// streams: TLS of the program travels inside the mesh's own to the gateway, which takes the outer one off (protocol TLS, ISTIO_MUTUAL).
func (e *leaving) streams() {
	yaml := e.entry(e.secure) + mutualServer("TLS") + document("VirtualService", "default", "through-egress", `{hosts: [api.example.com], gateways: [mesh, istio-egressgateway],
		tls: [{match: [{gateways: [mesh], port: 443, sniHosts: [api.example.com]}], route: [{destination: {host: `+egressHost+`, subset: api, port: {number: 443}}}]}],
		tcp: [{match: [{gateways: [istio-egressgateway], port: 443}], route: [{destination: {host: api.example.com, port: {number: 443}}, weight: 100}]}]}`)
	e.Case("TLS within the mesh's TLS", yaml, func(t *testing.T) {
		before := e.gateway.Stat("cluster.outbound|443||api.example.com.upstream_cx_total")
		meshtest.Expect(t, e.tunnel(), "https://api.example.com/x", 200, "origin api.example.com /x")
		e.passed(before, "outbound|443||api.example.com")
		envoytest.Eventually(t, "the gateway to count mutual TLS", func() error {
			if n := e.gateway.Stat("cluster.outbound|443||api.example.com.ssl.handshake"); n > 0 {
				return fmt.Errorf("the gateway began %d handshakes of its own", n)
			}
			return nil
		})
		refusesStrangers(t, e.gateway, "gateway|8443")
	})
}
