package webhook_test

import (
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	"sigs.k8s.io/yaml"

	"github.com/meshctl/meshctl/internal/webhook"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
)

func judge(t *testing.T, text string) webhook.Judgement {
	t.Helper()
	data, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return webhook.Judge(data, mesh.Build(config.Set{}, mesh.Options{}), time.Unix(1e9, 0))
}

func TestJudge(t *testing.T) {
	for name, c := range map[string]struct{ text, errors, warnings string }{
		"a good route":     {"{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: a, namespace: shop}, spec: {hosts: [a], http: [{route: [{destination: {host: a}}]}]}}", "", ""},
		"a wrong type":     {"{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: a, namespace: shop}, spec: {hosts: [a], http: [{timeout: soon, route: [{destination: {host: a}}]}]}}", "spec.http[0].timeout", ""},
		"a delegate":       {"{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: a, namespace: shop}, spec: {hosts: [a], http: [{delegate: {name: b}}]}}", "", ""},
		"a subset":         {"{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: a, namespace: shop}, spec: {hosts: [a], http: [{route: [{destination: {host: a, subset: v9}}]}]}}", "", ""},
		"a foreign kind":   {"{apiVersion: example.com/v1, kind: Widget, metadata: {name: a}}", "", ""},
		"a future kind":    {"{apiVersion: networking.istio.io/v1, kind: Teleport, metadata: {name: a}}", "", ""},
		"a wrong action":   {"{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: a, namespace: shop}, spec: {action: PERMIT}}", "spec.action", ""},
		"an open provider": {"{apiVersion: telemetry.istio.io/v1, kind: Telemetry, metadata: {name: a, namespace: shop}, spec: {tracing: [{providers: [{name: zipkin}]}]}}", "", ""},
	} {
		j := judge(t, c.text)
		for _, part := range []struct {
			what, want string
			got        []string
		}{{"errors", c.errors, j.Errors}, {"warnings", c.warnings, j.Warnings}} {
			if got := strings.Join(part.got, "; "); !strings.Contains(got, part.want) || part.want == "" && got != "" {
				t.Errorf("%s: %s %q, want %q", name, part.what, got, part.want)
			}
		}
	}
}

// TestSamplesPass holds the webhook to accepting one object at a time of what is good as a whole.
func TestSamplesPass(t *testing.T) {
	n := 0
	err := fs.WalkDir(os.DirFS("../.."), "samples", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".yaml") {
			return err
		}
		data, err := os.ReadFile("../../" + path)
		for doc := range strings.SplitSeq(string(data), "\n---") {
			if !strings.Contains(doc, "istio.io/") {
				continue
			}
			n++
			if j := judge(t, doc); len(j.Errors) > 0 {
				t.Errorf("%s: %v\n%s", path, j.Errors, doc)
			}
		}
		return err
	})
	if err != nil || n < 10 {
		t.Errorf("%d objects, %v", n, err)
	}
}

func TestValidate(t *testing.T) {
	bad := `{"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "a", "namespace": "shop"}, "spec": {"hosts": ["a"], "http": [{"timeout": "soon"}]}}`
	if r := ask(t, options(), "/validate", "VirtualService", admissionv1.Update, bad); r.Allowed || !strings.Contains(r.Result.Message, "error ") {
		t.Errorf("%+v", r)
	}
	if r := ask(t, options(), "/validate", "VirtualService", admissionv1.Delete, "null"); !r.Allowed {
		t.Errorf("%+v", r)
	}
	if r := ask(t, options(), "/validate", "VirtualService", admissionv1.Create, "null"); !r.Allowed {
		t.Errorf("%+v", r)
	}
}
