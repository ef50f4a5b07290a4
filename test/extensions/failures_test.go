package extensions_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/internal/envoytest/wasmtest"
	"github.com/meshctl/meshctl/internal/meshtest"
)

const inName = "extensions.istio.io/wasmplugin/default.broken"

func TestFailures(t *testing.T) {
	m := newSidecars(t)
	m.unavailable()
	m.broken()
	m.fails()
	m.recovers()
	if n := m.web.Stat("extension_config_discovery.http_filter." + inName + ".update_rejected"); n != 0 {
		t.Errorf("Envoy refused %d configurations", n)
	}
	m.refusesItsConfiguration()
}

// both runs a case with a plugin that cannot be loaded under both strategies, beside one that can.
func (m *sidecars) both(name, url, why string) {
	good := marks(m.T(), "good", "phase: AUTHN")
	m.apply(name+", FAIL_CLOSE", plugin("broken", "web", url), func(t *testing.T) {
		m.get(t, status(503))
		refused(t, m.Mesh, "web", inName, why)
	})
	m.apply(name+", FAIL_OPEN", good+plugin("broken", "web", url, "failStrategy: FAIL_OPEN"), func(t *testing.T) {
		m.get(t, by("good"))
		refused(t, m.Mesh, "web", inName, why)
	})
}

// unavailable modules: nobody answers, there is no such file, what is served is no module.
func (m *sidecars) unavailable() {
	m.both("no server", "http://127.0.0.1:1/plugin.wasm", "connection refused")
	m.both("not found", m.registry.URL+"/missing.wasm", "404 Not Found")
	m.both("no image", m.registry.host()+"/plugins/missing:v1", "not found")
	m.both("no file", "file:///nonexistent/plugin.wasm", "no such file")
	m.both("metadata service", "http://169.254.169.254/plugin.wasm", "metadata")
	m.registry.put("/page.wasm", "text/html", []byte("<html>Sign in</html>"))
	m.both("a page", m.registry.URL+"/page.wasm", `no WebAssembly module: it begins with "<html>Si"`)
	m.both("no such registry", "oci://registry.invalid/plugin:v1", "no such host")
}

// broken modules never reach the proxy.
func (m *sidecars) broken() {
	whole := wasmtest.Module(wasmtest.Behaviour{Header: "x-in"})
	m.registry.put("/cut.wasm", "application/wasm", whole[:len(whole)/2])
	m.both("half of a module", m.registry.URL+"/cut.wasm", "corrupted Wasm module")
	m.both("a missing import", module(m.T(), wasmtest.Behaviour{Missing: true}), "missing import: env.no_such_function")
	m.apply("a TrafficExtension", "apiVersion: extensions.istio.io/v1alpha1\nkind: TrafficExtension\nmetadata: {name: broken}\nspec:\n"+
		"  selector: {matchLabels: {app: web}}\n  wasm: {url: http://127.0.0.1:1/plugin.wasm, failStrategy: FAIL_OPEN}\n", func(t *testing.T) {
		refused(t, m.Mesh, "web", "extensions.istio.io/trafficextension/default.broken", "connection refused")
		m.get(t, status(200))
	})
	const name = "extensions.istio.io/trafficextension/default.broken/lua"
	m.apply("a broken script", script("broken", "web", "function envoy_on_request(h) h:headers( end"), func(t *testing.T) {
		answer := m.get(t, status(503))
		if !strings.Contains(answer.Body, "trafficextension/default.broken/lua is not loaded") {
			t.Errorf("answered %q", answer.Body)
		}
		refused(t, m.Mesh, "web", name, "script load error")
	})
	network := plugin("broken", "web", "http://127.0.0.1:1/plugin.wasm", "type: NETWORK", "match: [{ports: [{number: 7000}]}]")
	m.apply("connections, FAIL_CLOSE", network, func(t *testing.T) {
		envoytest.Eventually(t, "the connection to be closed", func() error { return m.echoed(t, false) })
	})
	m.apply("connections, FAIL_OPEN", strings.TrimSuffix(network, "---\n")+"  failStrategy: FAIL_OPEN\n", func(t *testing.T) {
		envoytest.Eventually(t, "an echo", func() error { return m.echoed(t, true) })
	})
}

// echoed wants web to have echoed, over TCP, what it was sent, or not to have.
func (m *sidecars) echoed(t *testing.T, want bool) error {
	conn, err := m.client.DialTo(m.client.Local("web.default.svc.cluster.local", 7000))(t.Context(), "tcp", "")
	if err != nil {
		return err
	}
	defer conn.Close()
	_, _ = fmt.Fprintln(conn, "hello")
	var got strings.Builder
	buffer := make([]byte, 64)
	for !strings.Contains(got.String(), "hello") {
		n, err := conn.Read(buffer)
		got.Write(buffer[:n])
		if err != nil {
			break
		}
	}
	if echoed := strings.Contains(got.String(), "hello"); echoed != want {
		return fmt.Errorf("got %q", got.String())
	}
	return nil
}

// fails: a module that traps when a request comes.
func (m *sidecars) fails() {
	file := module(m.T(), wasmtest.Behaviour{Header: "x-in", Crash: true})
	for strategy, want := range map[string]int{"FAIL_CLOSE": 503, "FAIL_OPEN": 200, "FAIL_RELOAD": 503} {
		m.Case("trap, "+strategy, plugin("trap-"+strings.ToLower(strategy[5:]), "web", file, "failStrategy: "+strategy), func(t *testing.T) {
			m.get(t, func(a meshtest.Answer) error { return status(want)(a) })
			if strategy == "FAIL_RELOAD" {
				envoytest.Eventually(t, "the machine to be made anew", func() error {
					m.get(t, status(http.StatusServiceUnavailable))
					if n := m.web.Stat("wasm.default.trap-reload.vm_reload_success"); n == 0 {
						return fmt.Errorf("never made anew")
					}
					return nil
				})
			}
		})
	}
}

// recovers: what cannot be loaded is tried again, and a change that fails does what the strategy says.
func (m *sidecars) recovers() {
	whole := wasmtest.Module(wasmtest.Behaviour{Header: "x-in"})
	m.apply("later", plugin("broken", "web", m.registry.URL+"/later.wasm"), func(t *testing.T) {
		m.get(t, status(503))
		m.registry.put("/later.wasm", "application/wasm", whole)
		m.get(t, seen("x-in", ""))
		m.Settle() // the control plane knows, too
	})
	m.apply("a change that fails", plugin("broken", "web", m.registry.URL+"/gone.wasm", "pluginConfig: {n: 2}"), func(t *testing.T) {
		m.get(t, status(503))
	})
	m.Case("back", plugin("broken", "web", m.registry.URL+"/later.wasm", "pluginConfig: {n: 3}"), func(t *testing.T) {
		m.get(t, seen("x-in", `{"n":3}`))
	})
	path := strings.TrimPrefix(module(m.T(), wasmtest.Behaviour{}), "file://") + ".later"
	m.apply("a file that comes later", plugin("broken", "web", "file://"+path), func(t *testing.T) {
		m.get(t, status(503))
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
		m.get(t, seen("x-in", ""))
	})
	m.Case("deleted", "", func(t *testing.T) { m.get(t, seen("x-in")) })
}

// refusesItsConfiguration: only the proxy can know, and says so.
func (m *sidecars) refusesItsConfiguration() {
	m.apply("refused configuration", plugin("broken", "web", module(m.T(), wasmtest.Behaviour{Refuse: true})), func(t *testing.T) {
		m.get(t, status(503))
		refused(t, m.Mesh, "web", inName, "Envoy refuses it: ")
	})
}
