package live_test

import (
	"fmt"
	"math"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/meshctl/meshctl/internal/agent/bootstrap"
	"github.com/meshctl/meshctl/internal/envoytest"
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
	*rig
	client, first, second, gateway *workload
	v1, v2                         *program
}

func newMesh(t *testing.T) *mesh {
	m := &mesh{rig: newRig(t, map[string]string{"server.yaml": server}), v1: startProgram(t, "v1"), v2: startProgram(t, "v2")}
	for _, version := range []struct {
		program *program
		weight  uint32
		to      **workload
	}{{m.v1, 1, &m.first}, {m.v2, 3, &m.second}} {
		o := sidecarOptions(bootstrap.ModeNone, "server-"+version.program.name, "app=server", "version="+version.program.name)
		o.ServiceAccount, o.Ports, o.Weight = "server", version.program.ports(), version.weight
		*version.to = m.start(o)
	}
	m.client = m.start(sidecarOptions(bootstrap.ModeNone, "client", "app=client"))
	m.gateway = m.start(gatewayOptions(bootstrap.ModeNone))
	m.settle()
	return m
}

// run applies one more file and calls test.
func (m *mesh) run(name, text string, test func(t *testing.T)) {
	outer := m.t
	outer.Run(name, func(t *testing.T) {
		m.t = t
		for _, w := range []*workload{m.client, m.first, m.second, m.gateway} {
			w.t = t
		}
		m.plane.Write("tried.yaml", text)
		m.settle(m.client, m.first, m.second, m.gateway)
		test(t)
	})
	m.t = outer
}

// local is the address of the client's local port for a service's port.
func (m *mesh) local(host string, port int) string {
	return fmt.Sprintf("127.0.0.1:%d", m.client.port(fmt.Sprintf("outbound|%d|%s", port, host)))
}

// expect waits until a request is answered with a status and a part of the body.
func expect(t *testing.T, client *http.Client, target string, status int, part string, headers ...string) {
	t.Helper()
	envoytest.Eventually(t, target, func() error {
		resp, body, err := try(client, target, headers...)
		if err != nil {
			return err
		}
		if resp.StatusCode != status || !strings.Contains(body, part) {
			return fmt.Errorf("%d %q, want %d and %q", resp.StatusCode, body, status, part)
		}
		return nil
	})
}

// share wants that share of n answers to be yes, within five standard deviations.
func share(t *testing.T, n int, want float64, yes func() bool) {
	t.Helper()
	got := 0
	for range n {
		if yes() {
			got++
		}
	}
	all := float64(n)
	if math.Abs(float64(got)-want*all) > 5*math.Sqrt(all*want*(1-want)) {
		t.Errorf("%d of %d, want %.0f", got, n, want*all)
	}
}

// connect opens a TCP connection, once somebody listens.
func connect(t *testing.T, address string) net.Conn {
	t.Helper()
	var conn net.Conn
	envoytest.Eventually(t, address, func() (err error) {
		conn, err = net.Dial("tcp", address)
		return err
	})
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(envoytest.Timeout))
	return conn
}

func TestTraffic(t *testing.T) {
	m := newMesh(t)
	m.run("weights of workloads", "", m.weights)
	m.run("matches", matches, m.matches)
	m.run("share of faults", faults, m.faults)
	m.run("TCP routes", tcpRoutes, m.tcpRoutes)
	m.run("limits of connections", limits, m.limits)
	m.run("gRPC", "", m.grpc)
	m.run("upgrades", "", m.upgrades)
	m.run("the client's protocol", clientProtocol, m.clientProtocol)
	m.run("mutual TLS by port", portModes, m.portModes)
	m.outside()
	m.gateways()
}

// weights: agents say how much of the traffic their workload takes.
func (m *mesh) weights(t *testing.T) {
	client := m.client.client()
	expect(t, client, "http://server/", 200, "v2")
	share(t, 2000, 0.75, func() bool {
		_, body := get(t, client, "http://server/")
		return strings.HasPrefix(body, "v2")
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
	client := m.client.client()
	expect(t, client, "http://server/", 200, "v1 GET /")
	expect(t, client, "http://server/item/12", 200, "v2 GET /item/12")
	expect(t, client, "http://server/item/12x", 200, "v1")
	expect(t, client, "http://server/one", 200, "v1")
	expect(t, client, "http://server/one", 200, "v2", "x-b=bbb")
	expect(t, client, "http://v2.server.example.com/", 200, "v2")
	expect(t, client, "http://v1.server.example.com/", 200, "v1")
	begin := time.Now()
	expect(t, client, "http://server/slow", 504, "upstream request timeout")
	if took := time.Since(begin); took < 150*time.Millisecond {
		t.Errorf("the timeout came after %v", took)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, "http://server/", nil)
	check(t, err)
	resp, err := client.Do(req)
	check(t, err)
	resp.Body.Close()
	if resp.StatusCode != 405 {
		t.Errorf("DELETE: %d", resp.StatusCode)
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
	client := m.client.client()
	expect(t, client, "http://server/", 418, "fault filter abort")
	share(t, 500, 0.3, func() bool {
		resp, _ := get(t, client, "http://server/")
		return resp.StatusCode == 418
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
	connect(t, address)
	share(t, 300, 0.2, func() bool {
		conn, err := net.Dial("tcp", address)
		check(t, err)
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(envoytest.Timeout))
		name, err := greeting(conn)
		check(t, err)
		return name == "v2"
	})
}
