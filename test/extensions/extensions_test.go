package extensions_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/internal/envoytest/wasmtest"
	"github.com/meshctl/meshctl/internal/meshtest"
)

func TestExtensions(t *testing.T) {
	t.Setenv("MESHTEST_PLACE", "here") // Envoys have it, too
	m := newSidecars(t)
	m.order()
	m.selection()
	m.machines()
	m.connections()
	m.gateways()
	m.changes()
}

// marks is a plugin that adds its name to the header x-by.
func marks(t *testing.T, name string, more ...string) string {
	t.Helper()
	return plugin(name, "web", module(t, wasmtest.Behaviour{Header: "x-by", Name: name}), append(more, "pluginConfig: {by: "+name+"}")...)
}

// by are the values of x-by that plugins of these names leave.
func by(names ...string) func(meshtest.Answer) error {
	var values []string
	for _, name := range names {
		values = append(values, `{"by":"`+name+`"}`)
	}
	return seen("x-by", values...)
}

// order: by phase, priority and name, around the filters of policies.
func (m *sidecars) order() {
	t := m.T()
	m.Case("phases and priorities",
		marks(t, "a")+marks(t, "b", "phase: STATS")+marks(t, "c", "phase: AUTHZ")+marks(t, "e", "phase: AUTHN", "priority: 7")+
			marks(t, "d", "phase: AUTHN", "priority: 7")+marks(t, "f", "phase: AUTHN", "priority: -1")+marks(t, "g", "phase: AUTHN", "priority: 10"),
		func(t *testing.T) { m.get(t, by("g", "d", "e", "f", "c", "b", "a")) })
	lua := func(name string) string {
		return `function envoy_on_request(h) h:headers():add("x-by", "{\"by\":\"` + name + `\"}") end`
	}
	m.Case("TrafficExtensions among them", marks(t, "z", "phase: AUTHZ")+script("a", "web", lua("a"), "phase: AUTHZ")+
		script("b", "web", lua("b"), "phase: AUTHZ", "priority: 1")+script("c", "web", lua("c"), "phase: STATS")+script("d", "web", lua("d"), "phase: AUTHN")+
		script("e", "web", lua("e")), func(t *testing.T) {
		m.get(t, by("d", "b", "z", "a", "c", "e"))
	})
	const allow = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: allow}\nspec:\n  selector: {matchLabels: {app: web}}\n" +
		"  rules: [{when: [{key: 'request.headers[x-by]', values: ['*early*', '{\"by\":\"early\"}']}]}]\n---\n"
	for phase, want := range map[string]int{"AUTHN": 200, "AUTHZ": 200, "STATS": 403, "UNSPECIFIED_PHASE": 403} {
		m.Case("authorization and "+phase, allow+marks(t, "early", "phase: "+phase), func(t *testing.T) { m.get(t, status(want)) })
	}
}

// selection: by workload, direction and port.
func (m *sidecars) selection() {
	t := m.T()
	for match, found := range map[string]bool{
		"{mode: SERVER}": true, "{mode: CLIENT}": false, "{mode: CLIENT_AND_SERVER}": true, "{ports: [{number: 8080}]}": true,
		"{ports: [{number: 80}]}": false, "{mode: SERVER, ports: [{number: 1}, {number: 8080}]}": true, "{mode: CLIENT, ports: [{number: 8080}]}": false,
		"{mode: CLIENT}, {mode: SERVER}": true,
	} {
		want := by()
		if found {
			want = by("it")
		}
		m.Case("match "+match, marks(t, "it", "match: ["+match+"]"), func(t *testing.T) { m.get(t, want) })
	}
	wasm := module(t, wasmtest.Behaviour{Header: "x-by", Name: "wasm"})
	extension := func(match string) string {
		return "apiVersion: extensions.istio.io/v1alpha1\nkind: TrafficExtension\nmetadata: {name: it}\nspec:\n  selector: {matchLabels: {app: web}}\n" +
			"  match: [" + match + "]\n  wasm: {url: '" + wasm + "', pluginConfig: {by: it}, type: HTTP}\n"
	}
	m.Case("match of a TrafficExtension", extension("{mode: SERVER, ports: [{number: 8080}]}"), func(t *testing.T) { m.get(t, by("it")) })
	m.Case("match of no traffic", extension("{mode: CLIENT}"), func(t *testing.T) { m.get(t, by()) })
	m.Case("another workload", strings.Replace(marks(t, "it"), "app: web", "app: other", 1), func(t *testing.T) { m.get(t, by()) })
	m.Case("the whole mesh", strings.Replace(strings.Replace(marks(t, "all"), "name: all", "name: all, namespace: istio-system", 1),
		"  selector: {matchLabels: {app: web}}\n", "", 1), func(t *testing.T) {
		m.get(t, by("all", "all")) // at the client, and at the server
	})
	m.Case("ports of an explicit sidecar's clients", strings.Replace(marks(t, "it", "match: [{mode: CLIENT, ports: [{number: 80}]}]"), "app: web", "app: client", 1),
		func(t *testing.T) {
			if m.Problem("one listener for all ports") == "" {
				t.Error("no problem")
			}
			meshtest.Await(t, m.client.ClientAt("outbound|80|web.default.svc.cluster.local"), meshtest.Request{URL: "http://web.default/"}, by("it"))
			m.get(t, by())
		})
}

// machines: environment variables and the name of the plugin.
func (m *sidecars) machines() {
	t := m.T()
	file := module(t, wasmtest.Behaviour{Header: "x-in"})
	m.Case("variables", plugin("it", "web", file, "vmConfig: {env: [{name: COLOUR, value: blue}]}"), func(t *testing.T) {
		m.get(t, seen("x-in-environment", "COLOUR=blue"))
	})
	m.Case("variables of the host", plugin("it", "web", file, "vmConfig: {env: [{name: MESHTEST_PLACE, valueFrom: HOST}]}"), func(t *testing.T) {
		m.get(t, seen("x-in-environment", "MESHTEST_PLACE=here"))
	})
	m.Case("plugin name", plugin("it", "web", file, "pluginName: my-root"), func(t *testing.T) { m.get(t, seen("x-in-root", "my-root")) })
	m.Case("machine of a TrafficExtension", "apiVersion: extensions.istio.io/v1alpha1\nkind: TrafficExtension\nmetadata: {name: it}\nspec:\n"+
		"  selector: {matchLabels: {app: web}}\n  wasm: {url: '"+file+"', pluginName: another, vmConfig: {env: [{name: COLOUR, valueFrom: INLINE, value: red}]}}\n",
		func(t *testing.T) {
			m.get(t, seen("x-in-root", "another"))
			m.get(t, seen("x-in-environment", "COLOUR=red"))
		})
}

// connections: plugins of the type NETWORK.
func (m *sidecars) connections() {
	file := module(m.T(), wasmtest.Behaviour{Close: true})
	greeting := func(want bool) error {
		conn, err := m.client.DialTo(m.client.Local("web.default.svc.cluster.local", 7000))(m.T().Context(), "tcp", "")
		if err != nil {
			return err
		}
		defer conn.Close()
		switch name, err := meshtest.Greeting(conn); {
		case want && name != "web":
			return fmt.Errorf("greeted by %q: %w", name, err)
		case !want && err == nil:
			return fmt.Errorf("greeted by %q", name)
		}
		return nil
	}
	for match, open := range map[string]bool{"": false, "match: [{ports: [{number: 7000}]}]": false, "match: [{ports: [{number: 8080}]}]": true} {
		m.Case("connections, "+match, plugin("it", "web", file, "type: NETWORK", match), func(t *testing.T) {
			envoytest.Eventually(t, "TCP", func() error { return greeting(open) })
			want := 503 // the connection manager is behind it
			if match == "match: [{ports: [{number: 7000}]}]" {
				want = 200
			}
			m.get(t, status(want))
		})
	}
}

// gateways: plugins at the edge are for clients.
func (m *sidecars) gateways() {
	file := module(m.T(), wasmtest.Behaviour{Header: "x-edge"})
	edge := func(spec string) string {
		return "apiVersion: extensions.istio.io/v1alpha1\nkind: WasmPlugin\nmetadata: {name: edge, namespace: istio-system}\nspec: {" + spec + ", url: '" + file + "'}\n"
	}
	const target = "{group: gateway.networking.k8s.io, kind: Gateway, name: edge}"
	for spec, found := range map[string]bool{
		"selector: {matchLabels: {istio: ingressgateway}}": true, "targetRefs: [" + target + "]": true, "targetRef: " + target: true,
		"targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: other}]":                       false,
		"selector: {matchLabels: {istio: ingressgateway}}, match: [{mode: CLIENT, ports: [{number: 8080}]}]": true,
		"selector: {matchLabels: {istio: ingressgateway}}, match: [{mode: SERVER}]":                          false,
	} {
		want := seen("x-edge")
		if found {
			want = seen("x-edge", "")
		}
		m.Case("gateway, "+spec, edge(spec), func(t *testing.T) {
			meshtest.Await(t, m.gateway.ClientAt("gateway|8080"), meshtest.Request{URL: "http://web.example.com/"}, want)
		})
	}
	lua := "apiVersion: extensions.istio.io/v1alpha1\nkind: TrafficExtension\nmetadata: {name: edge, namespace: istio-system}\nspec:\n" +
		"  targetRefs: [" + target + "]\n  lua: {inlineCode: \"function envoy_on_response(h) h:headers():add('x-lua', 'yes') end\"}\n"
	m.Case("gateway, TrafficExtension", lua, func(t *testing.T) {
		meshtest.Await(t, m.gateway.ClientAt("gateway|8080"), meshtest.Request{URL: "http://web.example.com/"}, func(a meshtest.Answer) error {
			if a.Header.Get("x-lua") != "yes" {
				return fmt.Errorf("no header of the script")
			}
			return nil
		})
	})
}

// changes of a plugin reach Envoy apart from its listeners: connections stay.
func (m *sidecars) changes() {
	t := m.T()
	file := module(t, wasmtest.Behaviour{Header: "x-in"})
	m.Case("change without drain", plugin("it", "web", file, "pluginConfig: {n: 1}"), func(t *testing.T) {
		m.get(t, seen("x-in", `{"n":1}`))
		before := m.web.Stat("listener_manager.listener_modified") + m.web.Stat("listener_manager.listener_in_place_updated")
		m.Write("case.yaml", plugin("it", "web", file, "pluginConfig: {n: 2}"))
		m.get(t, seen("x-in", `{"n":2}`))
		m.Settle()
		if now := m.web.Stat("listener_manager.listener_modified") + m.web.Stat("listener_manager.listener_in_place_updated"); now != before {
			t.Errorf("listeners were changed %d times", now-before)
		}
	})
}
