package config

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	sigsyaml "sigs.k8s.io/yaml"
)

func equalJSON(t *testing.T, a, b string) bool {
	t.Helper()
	var x, y any
	if err := json.Unmarshal([]byte(a), &x); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(b), &y); err != nil {
		t.Fatal(err)
	}
	return reflect.DeepEqual(x, y)
}

const positioned = `# a comment
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: web
  labels:
    app.kubernetes.io/name: web
    tier: "1"
spec:
  host: web
  subsets: [{name: v1, labels: {version: v1}}, {name: v2}]
  trafficPolicy:
    connection_pool:
      tcp:
        maxConnections: 5
`

func TestFieldPosition(t *testing.T) {
	o := one(t, positioned)
	for path, want := range map[string]string{
		"":                             "3:1",
		"kind":                         "4:7",
		"metadata":                     "5:1",
		"metadata.name":                "6:9",
		"metadata.labels[tier]":        "9:11",
		"metadata.labels.tier":         "9:11",
		"metadata.labels[absent]":      "7:3",
		"metadata.annotations[absent]": "5:1",
		"metadata.labels[app.kubernetes.io/name]": "8:29",
		"spec.subsets":                                         "12:12",
		"spec.subsets[1].name":                                 "12:55",
		"spec.subsets[1].labels[version]":                      "12:48",
		"spec.subsets[7]":                                      "12:12",
		"spec.trafficPolicy.connectionPool":                    "14:5",
		"spec.trafficPolicy.connectionPool.tcp.maxConnections": "16:25",
		"nothing":        "3:1",
		"nothing[0].a":   "3:1",
		"spec.host.deep": "11:9",
		"][..[":          "3:1",
	} {
		if got := o.FieldPosition(path); fmt.Sprintf("%d:%d", got.Line, got.Column) != want || got.File != "file.yaml" {
			t.Errorf("%s: at %s, want %s", path, got, want)
		}
	}
	if got := o.Line(11); got != "  host: web" {
		t.Errorf("line 11 is %q", got)
	}
	if o.Line(0)+o.Line(1)+o.Line(99) != "" {
		t.Error("lines outside the document are not empty")
	}
	if built := New(Object{Key: o.Key, Spec: o.Spec}); built.Position() != (Position{}) || built.FieldPosition("spec") != (Position{}) || built.Line(1) != "" {
		t.Error("an object without a file has a position")
	}
}

func TestPositionsInLists(t *testing.T) {
	const block = `kind: List
apiVersion: v1
items:
  - apiVersion: v1
    kind: Service
    metadata:
      name: a
  # between
  - kind: Service
    metadata:
      name: b
    apiVersion: v1
metadata: {}
`
	const jsonList = `{"kind": "List", "apiVersion": "v1", "items": [
  {"kind": "Service", "apiVersion": "v1", "metadata": {"name": "a"}},  {"kind": "Service", "apiVersion": "v1",
   "metadata": {"name": "b"}}]}`
	const aliased = "kind: List\napiVersion: v1\nitems:\n- {kind: Service, apiVersion: &v v1, metadata: {name: a}}\n- {kind: Service, apiVersion: *v, metadata: {name: b}}\n"
	const dashAlone = "kind: List\napiVersion: v1\nitems:\n-\n  {kind: Service, apiVersion: v1, metadata: {name: a}}\n-\n  kind: Service\n  apiVersion: v1\n  metadata: {name: b}\n"
	for text, want := range map[string][]string{
		block:     {"4:5", "7:13", "9:5", "11:13"},
		jsonList:  {"2:3", "2:64", "2:72", "3:25"},
		aliased:   {"4:3", "4:55", "5:3", "5:52"},
		dashAlone: {"5:3", "5:52", "7:3", "9:20"},
	} {
		objects, problems := Decode("l", strings.NewReader(text))
		if len(objects) != 2 || len(problems) != 0 {
			t.Fatalf("%d objects, %v", len(objects), problems)
		}
		var got []string
		for _, o := range objects {
			got = append(got, strings.TrimPrefix(o.Position().String(), "l:"), strings.TrimPrefix(o.FieldPosition("metadata.name").String(), "l:"))
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %v, want %v for\n%s", got, want, text)
		}
	}
}

func TestDigestIgnoresLayout(t *testing.T) {
	base := one(t, positioned)
	same := one(t, `{"kind": "DestinationRule", "apiVersion": "networking.istio.io/v1beta1", "spec": {"trafficPolicy": {"connectionPool": {"tcp": {"maxConnections": 5.0}}},
	 "subsets": [{"labels": {"version": "v1"}, "name": "v1"}, {"name": "v2"}], "host": "web"}, "status": {"x": 1},
	 "metadata": {"namespace": "default", "labels": {"tier": "1", "app.kubernetes.io/name": "web"}, "name": "web", "resourceVersion": "7", "managedFields": [{"manager": "m"}]}}`)
	if base.Digest != same.Digest {
		t.Error("the digest depends on layout, version or bookkeeping")
	}
	seen := map[Digest]string{base.Digest: "the base"}
	for _, edit := range [][2]string{
		{"name: web\n", "name: web2\n"}, {"host: web", "host: other"}, {"tier: \"1\"", "tier: \"2\""}, {"maxConnections: 5", "maxConnections: 6"},
		{"  name: web\n", "  name: web\n  annotations: {a: b}\n"}, {"  name: web\n", "  name: web\n  namespace: other\n"},
		{"  name: web\n", "  name: web\n  creationTimestamp: \"2024-01-02T03:04:05Z\"\n"},
	} {
		changed := strings.Replace(positioned, edit[0], edit[1], 1)
		o := one(t, changed)
		if before := seen[o.Digest]; before != "" {
			t.Errorf("%q has the digest of %s", edit[1], before)
		}
		seen[o.Digest] = edit[1]
	}
	pod := `{apiVersion: v1, kind: Pod, metadata: {name: p}, status: {podIP: %q}}`
	if one(t, fmt.Sprintf(pod, "10.0.0.1")).Digest == one(t, fmt.Sprintf(pod, "10.0.0.2")).Digest {
		t.Error("a pod's address does not count")
	}
	deployment := `{apiVersion: apps/v1, kind: Deployment, metadata: {name: p}, status: {replicas: %d}}`
	if one(t, fmt.Sprintf(deployment, 1)).Digest != one(t, fmt.Sprintf(deployment, 2)).Digest {
		t.Error("the status of a deployment counts")
	}
}

func TestSecretsDoNotShow(t *testing.T) {
	o := one(t, `{apiVersion: v1, kind: Secret, metadata: {name: s}, data: {tls.key: aHVzaC1odXNo}, stringData: {pin: hush-hush}}`)
	var logged strings.Builder
	slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "o", o, "v", *o)
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "o", o, "v", *o)
	asJSON, err := json.Marshal(map[string]any{"p": o, "v": *o})
	if err != nil {
		t.Fatal(err)
	}
	asYAML, err := yaml.Marshal([]any{o, *o})
	if err != nil {
		t.Fatal(err)
	}
	asKubernetesYAML, err := sigsyaml.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	all := fmt.Sprint(o, *o) + fmt.Sprintf("%v %+v %#v %s %q %x %d", o, *o, o, o, *o, o, o) + o.Line(1) + logged.String() +
		string(asJSON) + string(asYAML) + string(asKubernetesYAML)
	for _, secret := range []string{"hush", "aHVz", fmt.Sprintf("%x", "hush"), "104 117"} {
		if strings.Contains(all, secret) {
			t.Errorf("%q shows in %s", secret, all)
		}
	}
	if !strings.Contains(string(asYAML), "tls.key: REDACTED") || !strings.Contains(string(asJSON), `"pin":"REDACTED"`) {
		t.Errorf("the keys are gone: %s %s", asYAML, asJSON)
	}
}
