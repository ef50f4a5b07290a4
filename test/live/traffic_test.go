package live_test

import (
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/internal/meshtest"
)

const server = `
apiVersion: v1
kind: Service
metadata: {name: server, namespace: default}
spec:
  selector: {app: server}
  ports:
  - {name: http, port: 80, targetPort: 8080}
  - {name: tcp, port: 7000}
  - {name: grpc, port: 9000}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: server, namespace: default}
spec: {host: server, subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]}
`

// mesh is a client, two versions of a server and a gateway, each with a sidecar.
type mesh struct {
	*meshtest.Mesh
	client, first, second, gateway *meshtest.Workload
	v1, v2                         *meshtest.Program
}

func newMesh(t *testing.T) *mesh {
	m := &mesh{
		Mesh: meshtest.New(t, map[string]string{"server.yaml": server}),
		v1:   meshtest.StartProgram(t, "v1"), v2: meshtest.StartProgram(t, "v2"),
	}
	for _, version := range []struct {
		program *meshtest.Program
		weight  uint32
		to      **meshtest.Workload
	}{{m.v1, 1, &m.first}, {m.v2, 3, &m.second}} {
		o := meshtest.Sidecar("server-"+version.program.Name, "app=server", "version="+version.program.Name)
		o.ServiceAccount, o.Ports, o.Weight = "server", version.program.Ports(), version.weight
		*version.to = m.Start(o)
	}
	m.client = m.Start(meshtest.Sidecar("client"))
	m.gateway = m.Start(meshtest.Gateway("ingress"))
	m.Settle()
	return m
}

// local is the address of the client's local port for a service's port.
func (m *mesh) local(host string, port int) string { return m.client.Local(host, port) }

func TestTraffic(t *testing.T) {
	m := newMesh(t)
	m.Case("weights of workloads", "", m.weights)
	m.Case("matches", matches, m.matches)
	m.Case("share of faults", faults, m.faults)
	m.Case("TCP routes", tcpRoutes, m.tcpRoutes)
	m.Case("limits of connections", limits, m.limits)
	m.Case("gRPC", "", m.grpc)
	m.Case("upgrades", "", m.upgrades)
	m.Case("the client's protocol", clientProtocol, m.clientProtocol)
	m.Case("mutual TLS by port", portModes, m.portModes)
	m.outside()
	m.gateways()
}

// weights: agents say how much of the traffic their workload takes.
func (m *mesh) weights(t *testing.T) {
	client := m.client.Client()
	meshtest.Expect(t, client, "http://server/", 200, "v2")
	meshtest.Share(t, 2000, 0.75, func() bool {
		return meshtest.Get(t, client, "http://server/").Echo.Program == "v2"
	})
}

const matches = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: server, namespace: default}
spec:
  hosts: [server, "*.server.example.com"]
  http:
  - match: [{method: {exact: DELETE}}]
    directResponse: {status: 405}
  - match: [{authority: {prefix: "v2.server"}}]
    route: [{destination: {host: server, subset: v2}}]
  - match: [{uri: {regex: "/item/[0-9]+"}, ignoreUriCase: true}, {uri: {exact: /one}, headers: {x-b: {regex: "b+"}}}]
    route: [{destination: {host: server, subset: v2}}]
  - match: [{uri: {prefix: /slow}}]
    timeout: 200ms
    route: [{destination: {host: server, subset: v1}}]
  - route: [{destination: {host: server, subset: v1}}]
`

func (m *mesh) matches(t *testing.T) {
	client := m.client.Client()
	meshtest.Expect(t, client, "http://server/", 200, "v1 GET /")
	meshtest.Expect(t, client, "http://server/item/12", 200, "v2 GET /item/12")
	meshtest.Expect(t, client, "http://server/item/12x", 200, "v1")
	meshtest.Expect(t, client, "http://server/one", 200, "v1")
	meshtest.Expect(t, client, "http://server/one", 200, "v2", "x-b=bbb")
	meshtest.Expect(t, client, "http://v2.server.example.com/", 200, "v2")
	meshtest.Expect(t, client, "http://v1.server.example.com/", 200, "v1")
	begin := time.Now()
	meshtest.Expect(t, client, "http://server/slow", 504, "upstream request timeout")
	if took := time.Since(begin); took < 150*time.Millisecond {
		t.Errorf("the timeout came after %v", took)
	}
	if a := meshtest.Do(t, client, meshtest.Request{Method: http.MethodDelete, URL: "http://server/"}); a.Status != 405 {
		t.Errorf("DELETE: %d", a.Status)
	}
}

const faults = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: server, namespace: default}
spec:
  hosts: [server]
  http:
  - fault: {abort: {percentage: {value: 30}, httpStatus: 418}}
    route: [{destination: {host: server}}]
`

func (m *mesh) faults(t *testing.T) {
	client := m.client.Client()
	meshtest.Expect(t, client, "http://server/", 418, "fault filter abort")
	meshtest.Share(t, 500, 0.3, func() bool {
		return meshtest.Get(t, client, "http://server/").Status == 418
	})
}

const tcpRoutes = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: server, namespace: default}
spec:
  hosts: [server]
  tcp:
  - match: [{port: 7000}]
    route:
    - {destination: {host: server, subset: v1}, weight: 80}
    - {destination: {host: server, subset: v2}, weight: 20}
`

func (m *mesh) tcpRoutes(t *testing.T) {
	address := m.local("server.default.svc.cluster.local", 7000)
	meshtest.Connect(t, address)
	meshtest.Share(t, 300, 0.2, func() bool {
		conn, err := net.Dial("tcp", address)
		check(t, err)
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(envoytest.Timeout))
		name, err := meshtest.Greeting(conn)
		check(t, err)
		return name == "v2"
	})
}
