package translate

import (
	"strings"
	"testing"

	telemetry "istio.io/api/telemetry/v1alpha1"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
)

func TestExpressionsThatEnvoyEvaluates(t *testing.T) {
	for text, wrong := range map[string]string{
		"response.code >= 400 && request.headers['x-id'] in ['a', 'b']": "",
		`request.path.matches("^/api") || !has(request.headers.foo)`:    "",
		"size(request.url_path) > 3 ? true : false":                     "",
		"[1, 2].exists(x, x == 2)":                                      "every element",
		`request.path.matches("[")`:                                     "missing closing ]",
		"request.path.startsWith()":                                     "in a way that Envoy does not have",
		"Foo{a: 1} == 2":                                                "makes a message",
		"timestamp('2020-01-01T00:00:00Z') < request.time":              "",
		"%{REQUEST_ID}":                                                 "no CEL expression",
		"":                                                              "no CEL expression",
		"string(response.code)":                                         "calls the function string",
		"nonsense(response.code)":                                       "calls the function nonsense",
		"request.host.nonsense()":                                       "calls the function nonsense",
		strings.Repeat("(", 5000) + "true" + strings.Repeat(")", 5000): "no CEL expression",
		"response.code >= 400 &&& true":                                "no CEL expression",
	} {
		if got := expressionProblem(text); (got == "") != (wrong == "") || !strings.Contains(got, wrong) {
			t.Errorf("%.60q: %q, want %q", text, got, wrong)
		}
	}
}

func TestAttributeThatWasMeant(t *testing.T) {
	for text, want := range map[string]string{
		"%{REQUEST_ID}": "request.id", "%{REQUEST_HEADERS['user-id']}": "request.headers['user-id']", "%REQ(User-Agent)%": "request.headers['user-agent']",
		"%RESPONSE_CODE%": "response.code", "%REQ(X-A?X-B)%": "request.headers['x-a']", "%NONSENSE%": "", "request.id": "", "%RESP(X)%": "response.headers['x']",
	} {
		if got := attributeMeant(text); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

// TestTelemetryLevels: of objects for a whole namespace the oldest counts, the mesh's first, and a selector only in the workload's own namespace.
func TestTelemetryLevels(t *testing.T) {
	yaml := func(namespace, name, spec string) string {
		return "apiVersion: telemetry.istio.io/v1\nkind: Telemetry\nmetadata: {name: " + name + ", namespace: " + namespace + "}\nspec: " + spec + "\n---\n"
	}
	objects, problems := config.Decode("t.yaml", strings.NewReader(yaml("istio-system", "mesh", "{}")+yaml("istio-system", "zz-later", "{}")+
		yaml("istio-system", "elsewhere", "{selector: {matchLabels: {app: web}}}")+yaml("a", "space", "{}")+yaml("a", "workload", "{selector: {matchLabels: {app: web}}}")))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	s := mesh.Build(config.Set{}.With(config.Batch{Full: true, Upserts: objects}), mesh.Options{})
	attached := s.Attached(config.Telemetry, mesh.Proxy{Namespace: "a", Labels: map[string]string{"app": "web"}})
	var names []string
	for _, o := range telemetryLevels(attached, "istio-system", "a") {
		names = append(names, o.Key.Name)
	}
	if got := strings.Join(names, " "); got != "mesh space workload" {
		t.Errorf("levels %q", got)
	}
}

func TestBadTagsAreReported(t *testing.T) {
	objects, _ := config.Decode("t.yaml", strings.NewReader(`
apiVersion: telemetry.istio.io/v1alpha1
kind: Telemetry
metadata: {name: t, namespace: a}
spec: {metrics: [{overrides: [{tagOverrides: {id: {value: "%{REQUEST_ID}"}, good: {value: request.host}, gone: {operation: REMOVE}}}]}]}
`))
	s := mesh.Build(config.Set{}.With(config.Batch{Full: true, Upserts: objects}), mesh.Options{})
	attached := s.Attached(config.Telemetry, mesh.Proxy{Namespace: "a"})
	_, problems := newTelemetry(s.Config(), "a", attached, telemetry.WorkloadMode_SERVER, func(string) *mesh.ScopedService { return nil })
	if len(problems) != 1 || problems[0].Field != "spec.metrics[0].overrides[0].tagOverrides[id].value" || problems[0].Fix != "write request.id" {
		t.Errorf("problems %+v", problems)
	}
}
