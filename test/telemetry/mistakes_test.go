package telemetry_test

import (
	"fmt"
	"testing"

	"github.com/meshctl/meshctl/internal/meshtest"
)

// TestNothingIsRejected: whatever is wrong with what is to be recorded, proxies keep taking their configuration.
func TestNothingIsRejected(t *testing.T) {
	m := meshtest.Explicit(t, nil, []meshtest.Member{{Options: meshtest.Sidecar("web"), Serves: true}})
	for i, expression := range []string{
		`request.path.matches("[")`, `has(request.headers)`, `[1, 2].all(x, x > 0)`, `request.headers["x"] > 1`, `1 / 0 == 1`, `response.code >= 400 && 1`,
		`{"a": 1}.a == 1`, `{1: 2, 1: 3}[1] == 2`, `request.nothing`, `Foo{a: 1} == 2`, `request.headers.exists(h, h == "x")`, `"abc"`, `-9223372036854775808 == 1`, `b"\xff" == b"a"`,
		`duration("x") == duration("1s")`, `timestamp("nonsense") < timestamp("2020-01-01T00:00:00Z")`, `"a" in "b"`, `size(1) == 1`, `request.path.startsWith()`, `startsWith("a", "b", "c")`,
		`request.path.matches("(?=x)")`, `matches(request.path, "a{1001}")`, `google.protobuf.Duration{seconds: 1} == duration("1s")`, `request.headers.map(x, x)`, `cel.bind(x, 1, x)`, `type(1) == int`,
		`request.?path == "x"`, `[?request.path]`, `"\u0000" == "a"`, `1u - 2u == 0u`, `"1".int() == 1`, `int() == 1`, `request.time.getHours("UTC") == 1`,
		`size("a", "b") == 1`, `request.time.getHours("a", "b") == 1`, `getHours(request.time) == 1`, `request.path.matches(request.path)`, `request.path.matches(1)`, `matches("a")`,
		`request.path.matches("a".contains("b"))`, `timestamp("x", "y") == 1`, `request.path.matches("\\pN\\C")`, `request.path.matches(".{1000}{1000}")`, `!1`, `-"a" == 1`, `"a" ? 1 : 2`,
		`request.path.contains(request.path, request.path)`, `contains("a", "b")`,
	} {
		spec := fmt.Sprintf("{accessLogging: [{providers: [{name: envoy}], filter: {expression: %q}}]}", expression)
		m.Write("t.yaml", "apiVersion: telemetry.istio.io/v1\nkind: Telemetry\nmetadata: {name: t, namespace: default}\nspec: "+spec+"\n")
		m.Settle()
		if n := m.Member("web").Stat("listener_manager.lds.update_rejected"); n != 0 {
			t.Fatalf("%d: %s is rejected", i, expression)
		}
	}
}
