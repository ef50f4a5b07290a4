// Package meshconfig_test shows what MeshConfig and ProxyConfig make of live Envoys: requests where they show it, and else the
// configuration that Envoy says it runs.
package meshconfig_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/internal/meshtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const services = `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {clusterIP: 10.99.0.1, selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}, {name: tcp, port: 7000}]}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: istio-system}
spec: {selector: {istio: ingressgateway}, servers: [{port: {number: 8080, name: http, protocol: HTTP}, hosts: ["*"]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: edge, namespace: default}
spec: {hosts: [www.example.com], gateways: [istio-system/edge], http: [{route: [{destination: {host: web, port: {number: 80}}}]}]}
`

// mesh is the ConfigMap with a MeshConfig, written in flow style.
func mesh(config string) string {
	return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\ndata: {mesh: '" + strings.ReplaceAll(config, "'", "''") + "'}\n"
}

// rig is a mesh with a client, a server and a gateway.
type rig struct {
	*meshtest.Mesh
	client, web, edge *meshtest.Workload
}

func start(t *testing.T) *rig {
	m := meshtest.New(t, map[string]string{"services.yaml": services})
	web := meshtest.Sidecar("web")
	web.Ports = meshtest.StartProgram(t, "web").Ports()
	return &rig{Mesh: m, client: m.Start(meshtest.Sidecar("client")), web: m.Start(web), edge: m.Start(meshtest.Gateway("edge"))}
}

// get asks web through the client's sidecar, edges through the gateway.
func (r *rig) get(t *testing.T, path string, headers ...string) meshtest.Answer {
	t.Helper()
	return meshtest.Get(t, r.client.Client(), "http://web"+path, headers...)
}

func (r *rig) edges(t *testing.T, path string, headers ...string) meshtest.Answer {
	t.Helper()
	return meshtest.Get(t, r.edge.ClientAt("gateway|8080"), "http://www.example.com"+path, headers...)
}

// through repeats a request until its answer passes: a listener that is acknowledged may still wait for what it needs, and the one before
// it serves meanwhile.
func (r *rig) through(t *testing.T, w *meshtest.Workload, headers []string, passes func(a meshtest.Answer) error) {
	t.Helper()
	r.at(t, w, "/", headers, passes)
}

func (r *rig) at(t *testing.T, w *meshtest.Workload, path string, headers []string, passes func(a meshtest.Answer) error) {
	t.Helper()
	client, host := w.Client, "web"
	if w == r.edge {
		client, host = func() *http.Client { return w.ClientAt("gateway|8080") }, "www.example.com"
	}
	envoytest.Eventually(t, "the answer", func() error {
		a, err := meshtest.Try(client(), meshtest.Request{URL: "http://" + host + path, Headers: headers})
		if err != nil {
			return err
		}
		return passes(a)
	})
}

// is wants a header with a value, "" for none, in an answer or in the echo of one.
func is(name, want string, of func(a meshtest.Answer) http.Header) func(a meshtest.Answer) error {
	return func(a meshtest.Answer) error {
		if got := of(a).Get(name); a.Status != 200 || got != want {
			return fmt.Errorf("status %d, %s %q, want %q", a.Status, name, got, want)
		}
		return nil
	}
}

func answered(a meshtest.Answer) http.Header { return a.Header }
func echoed(a meshtest.Answer) http.Header   { return a.Echo.Header }

// runs wants texts in what an Envoy says of the clusters or listeners that it runs, in JSON; spaces do not count.
func runs(t *testing.T, w *meshtest.Workload, resource string, wanted ...string) {
	t.Helper()
	envoytest.Eventually(t, resource+" of "+w.Name, func() error {
		text := compact(string(w.Admin("/config_dump?resource=" + resource)))
		for _, want := range wanted {
			if !strings.Contains(text, compact(want)) {
				return fmt.Errorf("nothing of %s", want)
			}
		}
		return nil
	})
}

func compact(s string) string { return strings.Join(strings.Fields(s), "") }

const (
	clusters  = "dynamic_active_clusters"
	listeners = "dynamic_listeners"
)
