package inject_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/cli/inject"
)

func run(t *testing.T, in string, args ...string) (out, errOut string, err error) {
	t.Helper()
	var o, e bytes.Buffer
	f := &factory.Factory{
		IO:     genericiooptions.IOStreams{In: strings.NewReader(in), Out: &o, ErrOut: &e},
		Getenv: func(string) string { return "" },
	}
	cmd := inject.NewCmd(f, nil)
	cmd.SetArgs(args)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	err = cmd.ExecuteContext(t.Context())
	return o.String(), e.String(), err
}

func TestInjectAndUndo(t *testing.T) {
	data, err := os.ReadFile("testdata/mixed.yaml")
	if err != nil {
		t.Fatal(err)
	}
	injected, said, err := run(t, "", "-f", "testdata/mixed.yaml", "--set", "values.global.hub=example.com/own")
	if err != nil {
		t.Fatal(err)
	}
	service, _, _ := strings.Cut(string(data), "---")
	if !strings.HasPrefix(injected, service) {
		t.Errorf("another document changed:\n%s", injected)
	}
	for _, want := range []string{"# the program\n", " # old\n", "name: productpage # its name\n", "image: example.com/own/mesh-proxy:", "--workload=backup"} {
		if !strings.Contains(injected, want) {
			t.Errorf("no %q in\n%s", want, injected)
		}
	}
	if got := strings.Count(injected, "name: istio-proxy"); got != 2 || !strings.Contains(said, "Pod host: not injected: ") {
		t.Errorf("%d proxies; said:\n%s", got, said)
	}
	again, _, err := run(t, injected, "-f", "-", "--set", "values.global.hub=example.com/own")
	if err != nil || again != injected {
		t.Errorf("injected again, %v:\n%s", err, again)
	}
	undone, _, err := run(t, injected, "-f", "-", "--undo")
	if err != nil || strings.Contains(undone, "istio-proxy") || !strings.Contains(undone, "httpGet: {path: /health, port: 9080}") {
		t.Errorf("%v:\n%s", err, undone)
	}
	if plain, _, err := run(t, string(data), "-f", "-", "--undo"); err != nil || plain != string(data) {
		t.Errorf("nothing to undo, %v:\n%s", err, plain)
	}
}

func TestErrorsHaveAPlace(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"a: b\n---\nkind: Pod\nmetadata:\n  annotations: {sidecar.istio.io/proxyCPU: lots}\n", "standard input:3: Pod : annotation sidecar.istio.io/proxyCPU: "},
		{"a: b\n---\na: [", "standard input:2: no YAML: "},
	} {
		if _, _, err := run(t, c.in, "-f", "-"); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}

func TestJSONStaysJSON(t *testing.T) {
	out, _, err := run(t, `{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": [{"name": "a", "image": "b"}]}}`, "-f", "-")
	if err != nil || !strings.HasPrefix(out, "{") || !strings.Contains(out, `"name": "istio-proxy"`) {
		t.Errorf("%v:\n%s", err, out)
	}
}
