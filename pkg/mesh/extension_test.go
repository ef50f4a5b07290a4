package mesh

import (
	"slices"
	"strings"
	"testing"

	"github.com/meshctl/meshctl/pkg/config"
)

func extensionFrom(t *testing.T, yaml string) (*Extension, []config.Problem) {
	t.Helper()
	objects, problems := config.Decode("x.yaml", strings.NewReader(yaml))
	if len(objects) != 1 {
		t.Fatalf("%v", problems)
	}
	return ExtensionOf(objects[0])
}

func wasmPlugin(spec string) string {
	return "apiVersion: extensions.istio.io/v1alpha1\nkind: WasmPlugin\nmetadata: {name: x, namespace: n}\nspec: {" + spec + "}\n"
}

func TestExtensionURL(t *testing.T) {
	const digest = "@sha256:" + "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	for given, want := range map[string]string{
		"registry.example.com/a/b:v1":       "oci://registry.example.com/a/b:v1",
		"oci://registry.example.com:5000/a": "oci://registry.example.com:5000/a:latest",
		"oci://localhost/a":                 "oci://localhost/a:latest",
		"plugin":                            "oci://docker.io/library/plugin:latest",
		"docker.io/plugin:v1":               "oci://docker.io/library/plugin:v1",
		"istio/plugin:v1":                   "oci://docker.io/istio/plugin:v1",
		"ghcr.io/a/b:v1" + digest:           "oci://ghcr.io/a/b" + digest,
		"[::1]:5000/a:b":                    "oci://[::1]:5000/a:b",
		"https://example.com/x.wasm?a=b":    "https://example.com/x.wasm?a=b",
		"file:///x.wasm":                    "file:///x.wasm",
	} {
		if e, problems := extensionFrom(t, wasmPlugin("url: '"+given+"'")); e == nil || e.URL != want {
			t.Errorf("%s: %+v %v, want %s", given, e, problems, want)
		}
	}
	for _, given := range []string{"file://x.wasm", "ftp://a/b", "oci://", "oci://A/B C", "http://", "https:///x", "registry.example.com/a:b:c", "a@sha256:12"} {
		if e, problems := extensionFrom(t, wasmPlugin("url: '"+given+"'")); e != nil || len(problems) != 1 || problems[0].Field != "spec.url" {
			t.Errorf("%s: %+v %v", given, e, problems)
		}
	}
}

func TestExtensionProblems(t *testing.T) {
	const ok, zeros = "url: a, ", "0000000000000000000000000000000000000000000000000000000000000000"
	for spec, want := range map[string]string{
		ok + "sha256: XY": "spec.sha256: not a SHA-256",
		"url: 'a@sha256:" + zeros + "', sha256: '" + strings.Repeat("1", 64) + "'":                                       "spec.sha256: differs",
		ok + "match: [{ports: [{number: 70000}]}]":                                                                       "spec.match[0].ports[0].number: 70000",
		ok + "vmConfig: {env: [{name: A, value: b}, {name: A}]}":                                                         "spec.vmConfig.env[1].name: A is set twice",
		ok + "vmConfig: {env: [{name: A, valueFrom: HOST, value: b}]}":                                                   "spec.vmConfig.env[0].value: a variable of the host",
		ok + "vmConfig: {env: [{name: a-b}]}":                                                                            `spec.vmConfig.env[0].name: "a-b" is no name`,
		ok + "vmConfig: {env: [{name: ISTIO_META_WASM_IMAGE_PULL_SECRET, value: x}]}":                                    "spec.vmConfig.env[0].name: ISTIO_META_ variables",
		ok + "pluginName: " + strings.Repeat("x", 257):                                                                   "spec.pluginName: longer",
		ok + "selector: {matchLabels: {a: b}}, targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: g}]": "spec.selector: selector and targetRefs",
	} {
		if e, problems := extensionFrom(t, wasmPlugin(spec)); e != nil || len(problems) != 1 || !strings.HasPrefix(problems[0].Field+": "+problems[0].Message, want) {
			t.Errorf("%s: %+v %v, want %s", spec, e, problems, want)
		}
	}
	if e, problems := extensionFrom(t, wasmPlugin("url: file:///a, imagePullSecret: s")); e == nil || len(problems) != 1 || problems[0].Severity != config.Warning {
		t.Errorf("%+v %v", e, problems)
	}
	for spec, want := range map[string]string{
		"":                        "spec: neither",
		"lua: {inlineCode: ''}":   "spec.lua.inlineCode: there is no code",
		"wasm: {url: 'file://a'}": "spec.wasm.url: the path",
		"lua: {inlineCode: '" + strings.Repeat("x", 65537) + "'}": "spec.lua.inlineCode: 65537 bytes",
	} {
		yaml := strings.Replace(wasmPlugin(spec), "WasmPlugin", "TrafficExtension", 1)
		if e, problems := extensionFrom(t, yaml); e != nil || len(problems) != 1 || !strings.HasPrefix(problems[0].Field+": "+problems[0].Message, want) {
			t.Errorf("%.80s: %+v %.300v, want %s", spec, e, problems, want)
		}
	}
}

func TestExtensionsInOrder(t *testing.T) {
	var list []*Extension
	for _, o := range []string{
		"WasmPlugin/b/n/0", "TrafficExtension/a/n/0", "WasmPlugin/a/n/0", "TrafficExtension/z/n/1", "WasmPlugin/a/m/0", "TrafficExtension/b/n/-1",
	} {
		parts := strings.Split(o, "/")
		spec := "url: a, priority: " + parts[3]
		if parts[0] == "TrafficExtension" {
			spec = "lua: {inlineCode: x}, priority: " + parts[3]
		}
		yaml := strings.NewReplacer("WasmPlugin", parts[0], "name: x", "name: "+parts[1], "namespace: n", "namespace: "+parts[2]).Replace(wasmPlugin(spec))
		e, problems := extensionFrom(t, yaml)
		if e == nil {
			t.Fatal(problems)
		}
		list = append(list, e)
	}
	slices.SortFunc(list, CompareExtensions)
	var got []string
	for _, e := range list {
		got = append(got, e.Object.Key.String())
	}
	want := "TrafficExtension/n/z WasmPlugin/m/a WasmPlugin/n/a WasmPlugin/n/b TrafficExtension/n/a TrafficExtension/n/b"
	if strings.Join(got, " ") != want {
		t.Errorf("%v, want %s", got, want)
	}
}

func FuzzExtensionURL(f *testing.F) {
	for _, seed := range []string{"a", "oci://a.b/c:d@sha256:" + strings.Repeat("0", 64), "http://x", "file:///"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, given string) {
		c := extensionCheck{object: &config.Object{}}
		location := c.url("spec.url", given)
		if again := (&extensionCheck{object: &config.Object{}}).url("spec.url", location); !c.failed && again != location {
			t.Errorf("%q is %q, which is %q", given, location, again)
		}
	})
}
