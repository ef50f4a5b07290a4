package extensions_test

import (
	"testing"

	"github.com/meshctl/meshctl/internal/envoytest/wasmtest"
	"github.com/meshctl/meshctl/internal/meshtest"
)

// TestBothModes runs what the interception mode may make a difference to: the listeners on the way out and in.
func TestBothModes(t *testing.T) {
	meshtest.BothModes(t, map[string]string{"objects.yaml": objects}, members(), func(t *testing.T, m *meshtest.Traffic) {
		client := m.Client("client", "http://web.default/")
		m.Case("before the program", plugin("in", "web", module(t, wasmtest.Behaviour{Header: "x-in"}), "pluginConfig: {a: 1, b: [x, <y>]}"), func(t *testing.T) {
			answer := await(t, client, seen("x-in", `{"a":1,"b":["x","<y>"]}`))
			if got := answer.Header.Values("x-in"); len(got) != 1 {
				t.Errorf("the response has %q", got)
			}
		})
		m.Case("after the program", plugin("out", "client", module(t, wasmtest.Behaviour{Header: "x-out"}), "pluginConfig: {a: 2}"), func(t *testing.T) {
			await(t, client, seen("x-out", `{"a":2}`))
		})
		m.Case("scripts", script("in", "web", "function envoy_on_request(h) h:headers():add('x-lua', 'in') end")+
			script("out", "client", "function envoy_on_request(h) h:headers():add('x-lua', 'out') end"), func(t *testing.T) {
			await(t, client, seen("x-lua", "out", "in"))
		})
	})
}
