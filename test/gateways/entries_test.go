package gateways_test

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/meshctl/meshctl/internal/meshtest"
)

// declared is a client, one in another namespace, and what ServiceEntries declare.
type declared struct {
	*meshtest.Mesh
	client, stranger *meshtest.Workload
	one, two         *meshtest.Program
	ca               *authority
}

// TestServiceEntry: resolutions, addresses, ports and endpoints, for programs that name hosts to their sidecar.
func TestServiceEntry(t *testing.T) {
	m := meshtest.New(t, map[string]string{"web.yaml": webService, "mesh.yaml": `
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data: {mesh: "outboundTrafficPolicy: {mode: REGISTRY_ONLY}"}
`})
	start(m, "v1")
	other := meshtest.Sidecar("stranger")
	other.Namespace = "other"
	d := &declared{Mesh: m, client: m.Start(meshtest.Sidecar("client")), stranger: m.Start(other), one: meshtest.StartProgram(t, "one"), two: meshtest.StartProgram(t, "two"), ca: newAuthority(t)}
	d.endpoints()
	d.names()
	d.wildcards()
	d.selectors()
	d.certificates()
}

func (d *declared) endpoints() {
	socket := filepath.Join(d.T().TempDir(), "s")
	l, err := net.Listen("unix", socket)
	check(d.T(), err)
	served := make(chan struct{})
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "socket") })}
	go func() { defer close(served); _ = server.Serve(l) }()
	d.T().Cleanup(func() { _ = server.Close(); <-served })
	one, two := d.one.Ports(), d.two.Ports()
	yaml := document("ServiceEntry", "default", "static", fmt.Sprintf(`{hosts: [Static.example.com, second.example.com], addresses: [240.0.0.1], resolution: STATIC, location: MESH_EXTERNAL,
		ports: [{number: 80, name: http, protocol: HTTP, targetPort: 9}, {number: 81, name: more, protocol: HTTP, targetPort: %d}],
		endpoints: [{address: 127.0.0.1, ports: {http: %d}, weight: 3, labels: {version: one}, locality: a/b/c}, {address: 127.0.0.1, ports: {http: %d, more: %d}, weight: 1, labels: {version: two}}]}`, two[8080], one[8080], two[8080], two[8080])) +
		document("DestinationRule", "default", "static", "{host: static.example.com, subsets: [{name: two, labels: {version: two}}]}") +
		document("VirtualService", "default", "static", "{hosts: [static.example.com], http: [{match: [{uri: {prefix: /two}}], route: [{destination: {host: static.example.com, subset: two}}]}, {route: [{destination: {host: static.example.com}}]}]}") +
		document("ServiceEntry", "default", "socket", fmt.Sprintf("{hosts: [socket.example.com], resolution: STATIC, ports: [{number: 80, name: http, protocol: HTTP}], endpoints: [{address: 'unix://%s'}]}", socket)) +
		document("ServiceEntry", "default", "bytes", fmt.Sprintf("{hosts: [bytes.example.com], resolution: STATIC, ports: [{number: 7000, name: tcp, protocol: MONGO}], endpoints: [{address: 127.0.0.1, ports: {tcp: %d}}]}", one[7000])) +
		document("ServiceEntry", "default", "private", fmt.Sprintf("{hosts: [private.example.com], resolution: STATIC, exportTo: ['.'], ports: [{number: 80, name: http, protocol: HTTP}], endpoints: [{address: 127.0.0.1, ports: {http: %d}}]}", one[8080])) +
		document("ServiceEntry", "default", "given", fmt.Sprintf("{hosts: [given.example.com], resolution: STATIC, exportTo: [other], ports: [{number: 80, name: http, protocol: HTTP}], endpoints: [{address: 127.0.0.1, ports: {http: %d}}]}", one[8080]))
	d.Case("endpoints", yaml, func(t *testing.T) {
		web := d.client.Client()
		meshtest.Expect(t, web, "http://static.example.com/", 200, "one GET /")
		meshtest.Share(t, 200, 0.75, func() bool { return meshtest.Get(t, web, "http://static.example.com/").Echo.Program == "one" })
		meshtest.Expect(t, web, "http://static.example.com/two", 200, "two GET /two")
		meshtest.Expect(t, web, "http://240.0.0.1/x", 200, "GET /x\nhost: 240.0.0.1\n")
		meshtest.Expect(t, web, "http://second.example.com/", 200, "GET /\nhost: second.example.com\n")
		meshtest.Expect(t, web, "http://second.example.com:81/", 200, "two GET /")
		meshtest.Expect(t, web, "http://socket.example.com/", 200, "socket")
		greeted(t, "one", func() (net.Conn, error) { return net.Dial("tcp", d.client.Local("bytes.example.com", 7000)) })
		meshtest.Expect(t, web, "http://private.example.com/", 200, "one")
		meshtest.Expect(t, d.stranger.Client(), "http://private.example.com/", 502, "")
		meshtest.Expect(t, web, "http://given.example.com/", 502, "")
		meshtest.Expect(t, d.stranger.Client(), "http://given.example.com/", 200, "one")
		meshtest.Expect(t, web, "http://nobody.example.com/", 502, "")
	})
}

// names: Envoy looks up what a ServiceEntry names; without endpoints that is the host.
func (d *declared) names() {
	one, two := d.one.Ports()[8080], d.two.Ports()[8080]
	yaml := document("ServiceEntry", "default", "dns", fmt.Sprintf("{hosts: [dns.example.com], resolution: DNS, ports: [{number: 80, name: http, protocol: HTTP}], endpoints: [{address: localhost, ports: {http: %d}}, {address: 127.0.0.1, ports: {http: %d}}]}", one, two)) +
		document("ServiceEntry", "default", "robin", fmt.Sprintf("{hosts: [robin.example.com], resolution: DNS_ROUND_ROBIN, ports: [{number: 80, name: http, protocol: HTTP}], endpoints: [{address: localhost, ports: {http: %d}}]}", two)) +
		document("ServiceEntry", "default", "host", fmt.Sprintf("{hosts: [localhost], resolution: DNS, ports: [{number: 80, name: http, protocol: HTTP, targetPort: %d}]}", one)) +
		document("ServiceEntry", "default", "none", fmt.Sprintf("{hosts: [none.localhost], ports: [{number: %d, name: http, protocol: HTTP}]}", two))
	bytes := d.one.Ports()[7000]
	yaml += document("ServiceEntry", "default", "address", fmt.Sprintf("{hosts: [not-in-dns.example.com], addresses: [127.0.0.1/32], ports: [{number: %d, name: tcp, protocol: TCP}]}", bytes))
	d.Case("names", yaml, func(t *testing.T) {
		greeted(t, "one", func() (net.Conn, error) { return net.Dial("tcp", d.client.Local("not-in-dns.example.com", int(bytes))) })
		web := d.client.Client()
		for _, program := range []string{"one", "two"} {
			meshtest.Expect(t, web, "http://dns.example.com/", 200, program+" GET /\nhost: dns.example.com\n")
		}
		meshtest.Expect(t, web, "http://robin.example.com/", 200, "two GET /")
		meshtest.Expect(t, web, "http://localhost/", 200, "one GET /")
		meshtest.Expect(t, web, fmt.Sprintf("http://none.localhost:%d/", two), 200, "two GET /")
		for cluster, kind := range map[string]string{"dns.example.com": "STRICT_DNS", "robin.example.com": "LOGICAL_DNS"} {
			if !strings.Contains(string(d.client.Admin("/config_dump?resource=dynamic_active_clusters&name_regex=outbound.80.."+cluster)), kind) {
				t.Errorf("%s is not of type %s", cluster, kind)
			}
		}
	})
}

// wildcards go to the host that each request, or each server name, asks for.
func (d *declared) wildcards() {
	secure := startOrigin(d.T(), d.ca.issue("a.localhost"), nil)
	plain := d.one.Ports()[8080]
	entry := func(resolution string) string {
		return document("ServiceEntry", "default", "wild", fmt.Sprintf("{hosts: ['*.localhost'], resolution: %s, ports: [{number: %d, name: http, protocol: HTTP}, {number: %d, name: tls, protocol: TLS}]}", resolution, plain, secure.port))
	}
	gateway := d.Start(meshtest.Gateway("egress", "istio=egressgateway"))
	edge := document("Gateway", "default", "egress", fmt.Sprintf(`{selector: {istio: egressgateway}, servers: [{port: {number: %d, name: tls, protocol: TLS}, hosts: ["*.localhost"], tls: {mode: PASSTHROUGH}}]}`, secure.port)) +
		document("VirtualService", "default", "egress", fmt.Sprintf(`{hosts: ["*.localhost"], gateways: [egress], tls: [{match: [{port: %d, sniHosts: ["*.localhost"]}], route: [{destination: {host: "*.localhost", port: {number: %d}}}]}]}`, secure.port, secure.port))
	test := func(t *testing.T) {
		meshtest.Expect(t, d.client.Client(), fmt.Sprintf("http://b.localhost:%d/x", plain), 200, fmt.Sprintf("one GET /x\nhost: b.localhost:%d\n", plain))
		meshtest.Expect(t, d.client.Client(), fmt.Sprintf("http://b.example.com:%d/x", plain), 502, "")
		e := leaving{Mesh: d.Mesh, client: d.client, ca: d.ca}
		meshtest.Expect(t, e.tunnel(), fmt.Sprintf("https://a.localhost:%d/y", secure.port), 200, "origin a.localhost /y")
		at := fmt.Sprintf("127.0.0.1:%d", gateway.Port(fmt.Sprintf("gateway|%d", secure.port)))
		by := gateway.ClientOf(&http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: d.ca.pool()}, DialContext: gateway.DialTo(at)})
		meshtest.Expect(t, by, "https://a.localhost/z", 200, "origin a.localhost /z")
	}
	d.Case("wildcards by NONE", entry("NONE")+edge, test)
	d.Case("wildcards by DYNAMIC_DNS", entry("DYNAMIC_DNS")+edge, test)
}

// selectors: workloads of the mesh behind a name of their own, with mutual TLS.
func (d *declared) selectors() {
	yaml := document("ServiceEntry", "default", "inside", `{hosts: [inside.example.com], location: MESH_INTERNAL, resolution: STATIC, workloadSelector: {labels: {app: web}},
		ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8080}]}`) +
		document("ServiceEntry", "default", "outside", `{hosts: [outside.example.com], location: MESH_EXTERNAL, resolution: STATIC, workloadSelector: {labels: {app: vm}},
		ports: [{number: 80, name: http, protocol: HTTP}]}`) +
		document("WorkloadEntry", "default", "vm", fmt.Sprintf("{address: 127.0.0.1, ports: {http: %d}, labels: {app: vm}}", d.two.Ports()[8080])) +
		document("ServiceEntry", "default", "more-names", `{hosts: [web.default.svc.cluster.local], location: MESH_INTERNAL, resolution: STATIC, subjectAltNames: ["spiffe://cluster.local/ns/default/sa/second"],
		ports: [{number: 80, name: http, protocol: HTTP}]}`)
	d.Case("selectors", yaml, func(t *testing.T) {
		a := meshtest.Expect(t, d.client.Client(), "http://inside.example.com/x", 200, "web-v1 GET /x")
		if id := a.Echo.Header.Get("X-Forwarded-Client-Cert"); !strings.Contains(id, "sa/client") {
			t.Errorf("the caller is %q", id)
		}
		meshtest.Expect(t, d.client.Client(), "http://outside.example.com/", 200, "two GET /")
		meshtest.Expect(t, d.client.Client(), "http://web/x", 200, "web-v1 GET /x")
	})
}

// certificates: a server outside must have one of the names of subjectAltNames.
func (d *declared) certificates() {
	server := startOrigin(d.T(), d.ca.issue("real.example.com"), nil)
	roots := file(d.T(), "ca.pem", d.ca.root())
	entry := func(name, alternative string) string {
		host := name + ".example.com"
		return document("ServiceEntry", "default", name, fmt.Sprintf("{hosts: [%s], resolution: STATIC, subjectAltNames: [%s], ports: [{number: 80, name: http, protocol: HTTP}], endpoints: [{address: 127.0.0.1, ports: {http: %d}}]}", host, alternative, server.port)) +
			document("DestinationRule", "default", name, fmt.Sprintf("{host: %s, trafficPolicy: {tls: {mode: SIMPLE, caCertificates: %s}}}", host, roots))
	}
	d.Case("subjectAltNames", entry("right", "real.example.com")+entry("wrong", "wrong.example.com"), func(t *testing.T) {
		meshtest.Expect(t, d.client.Client(), "http://right.example.com/x", 200, "origin real.example.com /x")
		meshtest.Expect(t, d.client.Client(), "http://wrong.example.com/x", 503, "")
	})
}
