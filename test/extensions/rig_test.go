// Package extensions_test runs WasmPlugins and TrafficExtensions on live Envoys.
package extensions_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/internal/envoytest/wasmtest"
	"github.com/meshctl/meshctl/internal/meshtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const objects = `
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  clusterIP: 10.55.0.10
  selector: {app: web}
  ports:
  - {name: http, port: 80, targetPort: 8080}
  - {name: tcp, port: 7000}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 8080, name: http, protocol: HTTP}, hosts: [web.example.com]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: edge, namespace: istio-system}
spec:
  hosts: [web.example.com]
  gateways: [edge]
  http: [{route: [{destination: {host: web.default.svc.cluster.local, port: {number: 80}}}]}]
`

func members() []meshtest.Member {
	return []meshtest.Member{{Options: meshtest.Sidecar("client")}, {Options: meshtest.Sidecar("web"), Serves: true}}
}

// sidecars is a mesh of client, web and a gateway.
type sidecars struct {
	*meshtest.Mesh
	client, web, gateway *meshtest.Workload
	registry             *registry
}

func newSidecars(t *testing.T) *sidecars {
	m := &sidecars{registry: newRegistry(t), Mesh: meshtest.New(t, map[string]string{"objects.yaml": objects})}
	m.client, m.gateway = m.Start(meshtest.Sidecar("client")), m.Start(meshtest.Gateway("ingress", "istio=ingressgateway", "gateway.networking.k8s.io/gateway-name=edge"))
	web := meshtest.Sidecar("web")
	web.Ports = meshtest.StartProgram(t, "web").Ports()
	m.web = m.Start(web)
	m.Settle()
	return m
}

// get awaits an answer of web's that passes.
func (m *sidecars) get(t *testing.T, passes func(meshtest.Answer) error) meshtest.Answer {
	t.Helper()
	return await(t, m.client.Client(), passes)
}

// apply is Case for what not every proxy takes.
func (m *sidecars) apply(name, yaml string, test func(t *testing.T)) {
	m.Subtest(name, func(t *testing.T) {
		m.Write("case.yaml", yaml)
		test(t)
	})
}

// plugin is a WasmPlugin for a workload; more are lines of its spec.
func plugin(name, app, url string, more ...string) string {
	return fmt.Sprintf("apiVersion: extensions.istio.io/v1alpha1\nkind: WasmPlugin\nmetadata: {name: %s}\nspec:\n"+
		"  selector: {matchLabels: {app: %s}}\n  url: %s\n%s---\n", name, app, url, lines(more))
}

// script is a TrafficExtension with Lua for a workload.
func script(name, app, code string, more ...string) string {
	return fmt.Sprintf("apiVersion: extensions.istio.io/v1alpha1\nkind: TrafficExtension\nmetadata: {name: %s}\nspec:\n"+
		"  selector: {matchLabels: {app: %s}}\n  lua: {inlineCode: %q}\n%s---\n", name, app, code, lines(more))
}

func lines(of []string) string {
	var b strings.Builder
	for _, line := range of {
		b.WriteString("  " + line + "\n")
	}
	return b.String()
}

// module writes one to a file and returns its URL.
func module(t *testing.T, b wasmtest.Behaviour) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "plugin.wasm")
	if err := os.WriteFile(path, wasmtest.Module(b), 0o600); err != nil {
		t.Fatal(err)
	}
	return "file://" + path
}

// await repeats a request to web until the answer passes.
func await(t *testing.T, client *http.Client, passes func(meshtest.Answer) error) meshtest.Answer {
	t.Helper()
	return meshtest.Await(t, client, meshtest.Request{URL: "http://web.default/"}, passes)
}

// status wants an answer with a status.
func status(want int) func(meshtest.Answer) error {
	return func(a meshtest.Answer) error {
		if a.Status != want {
			return fmt.Errorf("want %d", want)
		}
		return nil
	}
}

// seen wants the program to have seen a header with these values, in this order; none means that it must not be there.
func seen(header string, want ...string) func(meshtest.Answer) error {
	return func(a meshtest.Answer) error {
		if got := a.Echo.Header.Values(header); a.Status != http.StatusOK || strings.Join(got, " ") != strings.Join(want, " ") {
			return fmt.Errorf("the program saw %s: %q, want %q", header, got, want)
		}
		return nil
	}
}

// refused waits until the control plane says that a proxy cannot run an extension, and why.
func refused(t *testing.T, m *meshtest.Mesh, proxy, extension, why string) {
	t.Helper()
	envoytest.Eventually(t, extension+" to be refused", func() error {
		proxies, err := m.Plane.API.Proxies(t.Context())
		if err != nil {
			return err
		}
		for _, p := range proxies {
			for _, s := range p.Sync {
				if p.Name == proxy && s.Type == "ECDS" && s.Nack != nil && strings.Contains(s.Nack.Error, extension) && strings.Contains(s.Nack.Error, why) {
					return nil
				}
			}
		}
		return fmt.Errorf("%+v", proxies)
	})
}
