package destinations_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/internal/meshtest"
)

const vms = `
apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata: {name: vms, namespace: default}
spec:
  metadata: {labels: {app: server, version: vm}, annotations: {note: vm}}
  template: {serviceAccount: vm, network: n1, locality: r9/z9, weight: 3, ports: {http: 8080}}
  probe: {initialDelaySeconds: 0, periodSeconds: 1, timeoutSeconds: 1, successThreshold: 1, failureThreshold: 1, %s}
`

// TestWorkloadGroup: the readiness probe of the group decides whether a member is served, and a running agent takes up another.
func TestWorkloadGroup(t *testing.T) {
	ready := atomic.Bool{}
	ready.Store(true)
	health := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !ready.Load() || r.Header.Get("x-probe") != "yes" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(health.Close)
	at, err := url.Parse(health.URL)
	check(t, err)
	get := fmt.Sprintf("httpGet: {path: /ready, host: 127.0.0.1, port: %s, scheme: HTTP, httpHeaders: [{name: x-probe, value: \"yes\"}]}", at.Port())
	m := meshtest.New(t, map[string]string{"server.yaml": server, "group.yaml": fmt.Sprintf(vms, get)})
	program := meshtest.StartProgram(t, "vm")
	o := meshtest.Sidecar("vm-1")
	o.Labels, o.ServiceAccount, o.Group, o.Ports = nil, "vm", "vms", program.Ports()
	m.Start(o)
	client := m.Start(meshtest.Sidecar("client"))
	served := func(t *testing.T, status int) {
		t.Helper()
		meshtest.Expect(t, client.Client(), "http://server/", status, "")
	}
	served(t, http.StatusOK)
	ready.Store(false)
	served(t, http.StatusServiceUnavailable)
	ready.Store(true)
	served(t, http.StatusOK)
	flag := filepath.Join(t.TempDir(), "ready")
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	nobody := meshtest.ListenPort(closed)
	closed.Close()
	for _, probe := range []struct {
		name, text string
		status     int
	}{
		{"tcpSocket that nobody serves", fmt.Sprintf("tcpSocket: {host: 127.0.0.1, port: %d}", nobody), 503},
		{"tcpSocket", fmt.Sprintf("tcpSocket: {host: 127.0.0.1, port: %s}", at.Port()), 200},
		{"exec that fails", "exec: {command: [test, -e, " + flag + "]}", 503},
		{"exec", "exec: {command: [test, -d, " + filepath.Dir(flag) + "]}", 200},
		{"grpc of nobody", fmt.Sprintf("grpc: {port: %d}", nobody), 503},
		{"grpc", "grpc: {port: 9000, service: any}", 200},
		{"a changed path", strings.Replace(get, "x-probe", "x-other", 1), 503},
	} {
		m.Subtest(probe.name, func(t *testing.T) {
			m.Write("group.yaml", fmt.Sprintf(vms, probe.text))
			m.Settle()
			served(t, probe.status)
		})
	}
	m.Subtest("no probe", func(t *testing.T) {
		m.Write("group.yaml", strings.Split(vms, "  probe:")[0])
		m.Settle()
		served(t, http.StatusOK)
	})
}

// TestWorkloadEntry: what stands for a workload without an agent.
func TestWorkloadEntry(t *testing.T) {
	m := meshtest.New(t, map[string]string{"server.yaml": server})
	client := m.Start(meshtest.Sidecar("client"))
	one, two := meshtest.StartProgram(t, "one"), meshtest.StartProgram(t, "two")
	entry := func(name, spec string) string {
		return "\n---\napiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: {name: " + name + ", namespace: default}\nspec: {" + spec + "}\n"
	}
	of := func(p *meshtest.Program) string {
		return fmt.Sprintf("address: 127.0.0.1, ports: {http: %d}, labels: {app: server}", p.Ports()[meshtest.HTTPPort])
	}
	m.Case("weight", entry("one", of(one)+", weight: 1")+entry("two", of(two)+", weight: 3"), func(t *testing.T) {
		c := client.Client()
		meshtest.Expect(t, c, "http://server/", 200, "two")
		meshtest.Share(t, 300, 0.75, func() bool { return meshtest.Get(t, c, "http://server/").Echo.Program == "two" })
	})
	dir, err := os.MkdirTemp("", "socket")
	check(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	l, err := net.Listen("unix", filepath.Join(dir, "app"))
	check(t, err)
	one.ServeHTTP(l)
	m.Case("a Unix socket", entry("one", "address: unix://"+l.Addr().String()+", labels: {app: server}"), func(t *testing.T) {
		meshtest.Expect(t, client.Client(), "http://server/", 200, "one")
	})
	m.Case("serviceAccount", entry("one", of(one)+", serviceAccount: server"), func(t *testing.T) {
		meshtest.Expect(t, client.Client(), "http://server/", 503, "") // it does not speak the mesh's TLS
	})
	plain := strings.Replace(of(one), "app: server", "app: server, security.istio.io/tlsMode: disabled", 1)
	m.Case("no sidecar in spite of it", entry("one", plain+", serviceAccount: server"), func(t *testing.T) {
		envoytest.Eventually(t, "an answer", func() error { return onlyNames(who(t, client.Client(), "http://server/", 3), []string{"one"}) })
	})
	m.Case("no address", entry("one", "labels: {app: server}"), func(t *testing.T) {
		if m.Problem("needs an address") == "" {
			t.Errorf("problems: %v", m.Plane.Status().Problems)
		}
	})
}
