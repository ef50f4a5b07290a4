package traffic_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/meshctl/meshctl/internal/meshtest"
)

// onAddresses are services with addresses of their own; that of ranges is a whole network.
const onAddresses = `
apiVersion: v1
kind: Service
metadata: {name: server, namespace: default}
spec:
  clusterIP: 10.99.0.1
  selector: {app: server}
  ports:
  - {name: http, port: 80, targetPort: 8080}
  - {name: tcp, port: 7000}
  - {name: tls, port: 443, targetPort: 8443}
  - {name: any, port: 8200, targetPort: 8080}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ranges, namespace: default}
spec:
  hosts: [ranges.example.com]
  addresses: [10.98.0.0/16]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 7100, targetPort: 7000, name: tcp, protocol: TCP}, {number: 7443, targetPort: 8443, name: tls, protocol: TLS}]
  workloadSelector: {labels: {app: server}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: server, namespace: default}
spec: {host: server, subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: ranges, namespace: default}
spec: {host: ranges.example.com, subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]}
`

// TestVirtualServiceInBothModes tries routes whose configuration depends on how connections reach the sidecar.
func TestVirtualServiceInBothModes(t *testing.T) {
	members := []meshtest.Member{{Options: meshtest.Sidecar("client")}}
	for _, version := range []string{"v1", "v2"} {
		o := meshtest.Sidecar(version, "app=server", "version="+version)
		o.ServiceAccount = "server"
		members = append(members, meshtest.Member{Options: o, Serves: true})
	}
	meshtest.BothModes(t, map[string]string{"services.yaml": onAddresses}, members, func(_ *testing.T, m *meshtest.Traffic) {
		m.Case("requests by name and address", alternatives(`{uri: {prefix: /two}}`), func(*testing.T) {
			for _, base := range []string{"http://server", "http://server.default", "http://10.99.0.1"} {
				m.Expect("client", base+"/", 200, "v1 GET /")
				m.Expect("client", base+"/two", 200, "v2 GET /two")
			}
		})
		m.Case("requests to a port of unknown protocol", streams("server", `
  http: [{match: [{uri: {prefix: /two}}], route: [{destination: {host: server, subset: v2}}]}, {route: [{destination: {host: server, subset: v1}}]}]
`), func(*testing.T) {
			m.Expect("client", "http://server:8200/", 200, "v1 GET /")
			m.Expect("client", "http://server:8200/two", 200, "v2 GET /two")
		})
		m.Case("tls routes by name", streams("server, a.example.com, \"*.b.example.com\"", sniRoutes), func(t *testing.T) {
			for name, program := range map[string]string{"a.example.com": "v1", "x.b.example.com": "v2"} {
				a := meshtest.Await(t, securely(m, "server", 443, name), meshtest.Request{URL: "https://" + name + "/"}, by(program))
				if got := a.Echo.Header.Get("x-server-name"); got != name {
					t.Errorf("the program was asked for %q", got)
				}
			}
		})
		m.Case("tls routes by subnet", strings.Replace(streams("server", `
  tls:
  - match: [{sniHosts: [ranges.example.com], destinationSubnets: [10.98.1.0/24]}]
    route: [{destination: {host: ranges.example.com, subset: v2}}]
  - match: [{sniHosts: [ranges.example.com]}]
    route: [{destination: {host: ranges.example.com, subset: v1}}]
`), "hosts: [server]", "hosts: [ranges.example.com]", 1), func(t *testing.T) {
			if !m.Redirected {
				meshtest.Await(t, securely(m, "ranges.example.com", 7443, "ranges.example.com"), meshtest.Request{URL: "https://ranges.example.com/"}, by("v1"))
				return
			}
			for address, program := range map[string]string{"10.98.1.9": "v2", "10.98.2.9": "v1"} {
				meshtest.Await(t, securely(m, address, 7443, "ranges.example.com"), meshtest.Request{URL: "https://ranges.example.com/"}, by(program))
			}
		})
		m.Case("tcp routes by port", streams("server", `
  tcp: [{match: [{port: 7000}], route: [{destination: {host: server, subset: v2}}]}]
`), func(t *testing.T) {
			for range 5 {
				says(t, m, "server", 7000, "v2")
			}
		})
		m.Case("tcp routes by subnet", strings.Replace(streams("server", `
  tcp:
  - match: [{destinationSubnets: [10.98.1.0/24, 10.98.2.7]}]
    route: [{destination: {host: ranges.example.com, subset: v2}}]
  - route: [{destination: {host: ranges.example.com, subset: v1}}]
`), "hosts: [server]", "hosts: [ranges.example.com]", 1), func(t *testing.T) {
			if !m.Redirected { // connections to a local port were going to no other address
				says(t, m, "ranges.example.com", 7100, "v1")
				return
			}
			for address, program := range map[string]string{"10.98.1.9": "v2", "10.98.2.7": "v2", "10.98.2.8": "v1", "10.98.200.1": "v1"} {
				says(t, m, address, 7100, program)
			}
		})
	})
}

// securely is a client that asks for a name at a port of a host, on a new connection each time.
func securely(m *meshtest.Traffic, host string, port int, name string) *http.Client {
	return m.Member("client").ClientOf(&http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: name},
		DialContext: func(context.Context, string, string) (net.Conn, error) { return m.Dial("client", host, port) },
	})
}

// says wants a program to answer a connection.
func says(t *testing.T, m *meshtest.Traffic, host string, port int, program string) {
	t.Helper()
	conn, err := m.Dial("client", host, port)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if name, err := meshtest.Greeting(conn); err != nil || name != program {
		t.Errorf("%s:%d: %q answers, want %s: %v", host, port, name, program, err)
	}
}
