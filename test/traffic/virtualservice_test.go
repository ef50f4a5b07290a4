// Package traffic_test sends requests through live Envoys to show that traffic goes where VirtualServices and their kin say, field by
// field of Istio's reference.
package traffic_test

import (
	"fmt"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/meshctl/meshctl/internal/meshtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const virtualServices = `
apiVersion: v1
kind: Service
metadata: {name: server, namespace: default}
spec:
  selector: {app: server}
  ports:
  - {name: http, port: 80, targetPort: 8080}
  - {name: http-admin, port: 81, targetPort: 8080}
  - {name: grpc, port: 9000}
  - {name: grpc-web, port: 9001, targetPort: 9000}
  - {name: tcp, port: 7000}
  - {name: tls, port: 443, targetPort: 8443}
---
apiVersion: v1
kind: Service
metadata: {name: shadow, namespace: default}
spec: {selector: {app: shadow}, ports: [{name: http, port: 80, targetPort: 8080}, {name: grpc-web, port: 9000}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: server, namespace: default}
spec: {host: server, subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: default}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: 8080, name: http, protocol: HTTP}, hosts: ["*"]}
  - {port: {number: 8081, name: grpc-web, protocol: GRPC-WEB}, hosts: ["*"]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data: {mesh: "{accessLogFile: /dev/stdout, accessLogFormat: \"route=%ROUTE_NAME% path=%REQ(:PATH)%\\n\"}"}
`

// routed is a mesh with two versions of a server, one in another region, what gets copies of requests, clients of two namespaces and a
// gateway.
type routed struct {
	*meshtest.Mesh
	client, far, gateway *meshtest.Workload
}

func newRouted(t *testing.T) *routed {
	m := &routed{Mesh: meshtest.New(t, map[string]string{"services.yaml": virtualServices})}
	serve := func(name, app, region string) {
		o := meshtest.Sidecar(name, "app="+app, "version="+name)
		o.ServiceAccount, o.Ports, o.Locality = app, meshtest.StartProgram(t, name).Ports(), region
		m.Start(o)
	}
	serve("v1", "server", "near/a")
	serve("v2", "server", "distant/a")
	serve("shadow", "shadow", "near/a")
	near := meshtest.Sidecar("client", "app=client", "tier=gold")
	near.Locality = "near/a"
	m.client = m.Start(near)
	far := meshtest.Sidecar("far", "app=client", "tier=silver")
	far.Namespace = "far"
	m.far = m.Start(far)
	m.gateway = m.Start(meshtest.Gateway("ingress"))
	m.Settle()
	return m
}

// rules is a VirtualService of server with these rules for requests.
func rules(http string) string {
	return `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: server, namespace: default}
spec:
  hosts: [server]
  http:
` + http
}

// alternatives are rules each of which leads to v2, and a last one that leads to v1: who answers says whether a match took a request.
func alternatives(matches ...string) string {
	var b strings.Builder
	for _, m := range matches {
		b.WriteString("  - match: [" + m + "]\n    route: [{destination: {host: server, subset: v2}}]\n")
	}
	return rules(b.String() + "  - route: [{destination: {host: server, subset: v1}}]\n")
}

// asks is a request and who answers it.
type asks struct {
	program string
	request meshtest.Request
}

// answered sends each request of the client, to server where it says no other URL.
func (m *routed) answered(t *testing.T, from *meshtest.Workload, list ...asks) {
	t.Helper()
	client := from.Client()
	for _, ask := range list {
		if !strings.HasPrefix(ask.request.URL, "http") {
			ask.request.URL = "http://server" + ask.request.URL
		}
		meshtest.Await(t, client, ask.request, func(a meshtest.Answer) error {
			if a.Echo.Program != ask.program {
				return fmt.Errorf("want %s to answer %+v", ask.program, ask.request)
			}
			return nil
		})
	}
}

func at(program, url string, headers ...string) asks {
	return asks{program, meshtest.Request{URL: url, Headers: headers}}
}

func TestVirtualService(t *testing.T) {
	m := newRouted(t)
	m.matching()
	m.changing()
	m.answering()
	m.failing()
	m.combining()
	m.connections()
	m.mistakes()
}
