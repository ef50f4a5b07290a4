package config

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

const meshConfigMap = `apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  unrelated: "x"
  mesh: |

    # as the operators wrote it
    accessLogFile: /dev/stdout
    outboundTrafficPolicy: {mode: REGISTRY}
    disableMixerHttpReports: true
    defaultConfig:
      concurrency: two
      drainDuration: 1m
      proxyStatsMatcher:
        inclusionRegexps: [".*circuit_breaker.*"]
      proxyMetadata: {AUTO_REGISTER: true}
`

func one(t *testing.T, text string) *Object {
	t.Helper()
	objects, problems := Decode("file.yaml", strings.NewReader(text))
	if len(objects) != 1 || len(problems) != 0 {
		t.Fatalf("got %d objects and %v", len(objects), problems)
	}
	return objects[0]
}

func lines(problems []Problem) string {
	var b strings.Builder
	for _, p := range problems {
		fmt.Fprintf(&b, "%s %s\n", p.Severity, p.Error())
	}
	return b.String()
}

func compact(t *testing.T, m proto.Message) string {
	t.Helper()
	data, err := protojson.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(data), " ", "")
}

func TestMeshConfigMapsPositionsIntoTheBlock(t *testing.T) {
	mesh, problems := DecodeMeshConfig(one(t, meshConfigMap))
	want := `error file.yaml:10:35: ConfigMap/istio-system/istio: data[mesh].outboundTrafficPolicy.mode: must be one of REGISTRY_ONLY, ALLOW_ANY, ALLOW_ANY_DYNAMIC_DNS, not "REGISTRY" (fix: REGISTRY_ONLY)
warning file.yaml:11:5: ConfigMap/istio-system/istio: data[mesh].disableMixerHttpReports: unknown field "disableMixerHttpReports"
error file.yaml:13:20: ConfigMap/istio-system/istio: data[mesh].defaultConfig.concurrency: must be a whole number, not "two"
warning file.yaml:17:38: ConfigMap/istio-system/istio: data[mesh].defaultConfig.proxyMetadata[AUTO_REGISTER]: should be text, is read as "true" (fix: "true")
`
	got := lines(problems)
	for want := range strings.Lines(want) {
		if !strings.Contains(got, strings.TrimSuffix(want, "\n")) {
			t.Errorf("missing %sin\n%s", want, got)
		}
	}
	if len(problems) != 4 {
		t.Errorf("problems:\n%s", got)
	}
	const message = `{"accessLogFile":"/dev/stdout","outboundTrafficPolicy":{},"defaultConfig":{"drainDuration":"60s","proxyStatsMatcher":{"inclusionRegexps":[".*circuit_breaker.*"]},"proxyMetadata":{"AUTO_REGISTER":"true"}}}`
	if got := compact(t, mesh); !equalJSON(t, got, message) {
		t.Errorf("got  %s\nwant %s", got, message)
	}
}

func TestMeshConfigInOtherStyles(t *testing.T) {
	for name, text := range map[string]string{
		"quoted":   `{apiVersion: v1, kind: ConfigMap, metadata: {name: istio}, data: {mesh: "enableTracing: maybe"}}`,
		"json":     `{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "istio"}, "data": {"mesh": "a: 1\nenableTracing: maybe"}}`,
		"folded":   "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio}\ndata:\n  mesh: >\n    enableTracing: maybe\n",
		"syntax":   "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio}\ndata:\n  mesh: |\n    a: 1\n    b: [\n",
		"no mesh":  "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio}\n",
		"no YAML":  "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio}\ndata: {mesh: just words}\n",
		"in list":  "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: istio}, data: {mesh: 'enableTracing: maybe'}}\n",
		"in block": "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: istio}\n  data:\n    mesh: |\n      enableTracing: maybe\n",
	} {
		want := map[string]string{
			"quoted": "1:89", "json": "1:91", "folded": "5:9", "syntax": "7:5", "no YAML": "4:14", "in list": "4:91", "in block": "9:22",
		}[name]
		_, problems := DecodeMeshConfig(one(t, text))
		got := ""
		for _, p := range problems {
			if p.Severity == Error {
				got = fmt.Sprintf("%d:%d", p.Position.Line, p.Position.Column)
			}
		}
		if got != want {
			t.Errorf("%s: at %q, want %q: %s", name, got, want, lines(problems))
		}
	}
}

func TestProxyConfigAnnotation(t *testing.T) {
	const deployment = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, annotations: {proxy.istio.io/config: "concurrency: 9"}}
spec:
  template:
    metadata:
      annotations:
        proxy.istio.io/config: |
          concurrency: 3
          drainDuration: 10
`
	proxy, problems := DecodeProxyConfigAnnotation(one(t, deployment))
	if proxy.GetConcurrency().GetValue() != 3 || len(problems) != 1 {
		t.Fatalf("got %v and %s", proxy, lines(problems))
	}
	const want = `file.yaml:10:26: Deployment/default/web: spec.template.metadata.annotations[proxy.istio.io/config].drainDuration: must be a duration such as 10s, not "10" (fix: 10s) [IST0106]`
	if got := problems[0].Error(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	pod := one(t, `{apiVersion: v1, kind: Pod, metadata: {name: p, annotations: {proxy.istio.io/config: '{concurrency: 4}'}}}`)
	if proxy, problems = DecodeProxyConfigAnnotation(pod); proxy.GetConcurrency().GetValue() != 4 || len(problems) != 0 {
		t.Errorf("pod: got %v and %s", proxy, lines(problems))
	}
	if proxy, _ = DecodeProxyConfigAnnotation(one(t, `{apiVersion: v1, kind: Pod, metadata: {name: p}}`)); proxy != nil {
		t.Errorf("without annotation: %v", proxy)
	}
	group := one(t, `{apiVersion: networking.istio.io/v1, kind: WorkloadGroup, metadata: {name: g}, spec: {metadata: {annotations: {proxy.istio.io/config: 'concurrency: 5'}}, template: {}}}`)
	if proxy, _ = DecodeProxyConfigAnnotation(group); proxy.GetConcurrency().GetValue() != 5 {
		t.Errorf("WorkloadGroup: %v", proxy)
	}
}

func TestMeshConfigOfAFile(t *testing.T) {
	for _, c := range []struct{ name, text, want, at string }{
		{"plain", "# ours\ntrustDomain: a\ndefaultConfig: {concurency: 2}\n", `{"defaultConfig":{},"trustDomain":"a"}`, "mesh.yaml:3:17"},
		{"after a marker", "---\ntrustDomain: a\nnosuch: 1\n", `{"trustDomain":"a"}`, "mesh.yaml:3:1"},
		{"json", `{"trustDomain": "a", "nosuch": 1}`, `{"trustDomain":"a"}`, "mesh.yaml:1:22"},
		{"configmap", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio-canary, namespace: other}\ndata:\n  mesh: |\n    trustDomain: a\n    nosuch: 1\n", `{"trustDomain":"a"}`, "mesh.yaml:7:5"},
		{"among others", "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio}\ndata: {mesh: 'nosuch: 1'}\n", `{}`, "mesh.yaml:8:15"},
	} {
		o, err := MeshConfigObject("mesh.yaml", []byte(c.text), "istio-system")
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := o.Key.String(); got != "ConfigMap/istio-system/istio" {
			t.Errorf("%s: key %s", c.name, got)
		}
		mesh, problems := DecodeMeshConfig(o)
		if got := strings.ReplaceAll(compact(t, mesh), " ", ""); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		if len(problems) != 1 || problems[0].Position.String() != c.at {
			t.Errorf("%s: %s, want one at %s", c.name, lines(problems), c.at)
		}
	}
}

func TestFieldsOfAMeshConfigOfItsOwn(t *testing.T) {
	o, err := MeshConfigObject("mesh.yaml", []byte("# ours\ntrustDomain: a\n"), "istio-system")
	if err != nil {
		t.Fatal(err)
	}
	for field, want := range map[string]string{"": "mesh.yaml:1:1", "data[mesh]": "mesh.yaml:1:1", "data[mesh].trustDomain": "mesh.yaml:2:14", "metadata.name": "mesh.yaml:1:1"} {
		if got := o.FieldPosition(field).String(); got != want {
			t.Errorf("%q is at %s, want %s", field, got, want)
		}
	}
	if got := o.Line(2); got != "trustDomain: a" {
		t.Errorf("line 2 is %q", got)
	}
}

func TestFilesWithoutAMeshConfig(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "a: [", "- a\n", "\x00\x01", "just words", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {other: a}\n",
		"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {mesh: 'a: ['}\n", "a: 1\n---\nb: 2\n"} {
		if o, err := MeshConfigObject("mesh.yaml", []byte(text), "istio-system"); err == nil {
			t.Errorf("%q is taken for the MeshConfig %v", text, o)
		}
	}
}

func TestPositionsWithinAMeshConfig(t *testing.T) {
	o := one(t, meshConfigMap)
	for field, want := range map[string]string{
		"data[mesh].outboundTrafficPolicy.mode":                 "file.yaml:10:35",
		"data[mesh].defaultConfig.proxyStatsMatcher":            "file.yaml:15:7",
		"data[mesh].defaultConfig.proxyMetadata[AUTO_REGISTER]": "file.yaml:17:38",
		"data[mesh].nosuch":                                     "file.yaml:6:9",
		"data[unrelated].nosuch":                                "file.yaml:5:14",
		"data[mesh]":                                            "file.yaml:6:9",
	} {
		if got := o.FieldPosition(field).String(); got != want {
			t.Errorf("%s is at %s, want %s", field, got, want)
		}
	}
}

func TestMeshNetworks(t *testing.T) {
	const text = `apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  meshNetworks: |
    networks:
      north:
        endpoints: [{fromRegistry: east}]
        gateways: [{port: many}]
`
	networks, problems := DecodeMeshNetworks(one(t, text))
	if got := networks.GetNetworks()["north"].GetEndpoints()[0].GetFromRegistry(); got != "east" {
		t.Errorf("got %q", got)
	}
	if len(problems) != 1 || problems[0].Position.String() != "file.yaml:9:27" {
		t.Errorf("got %s", lines(problems))
	}
	if networks, problems = DecodeMeshNetworks(one(t, meshConfigMap)); len(networks.GetNetworks()) != 0 || len(problems) != 0 {
		t.Errorf("without the key: %v and %s", networks, lines(problems))
	}
}
