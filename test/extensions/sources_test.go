package extensions_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/meshctl/meshctl/internal/envoytest/wasmtest"
)

func TestSources(t *testing.T) {
	m := newSidecars(t)
	module := wasmtest.Module(wasmtest.Behaviour{Header: "x-in"})
	r := m.registry
	r.put("/plugin.wasm", "application/wasm", module)
	r.put("/plugin.tar.gz", "application/gzip", archive(module))
	oci := r.push("plugins/oci", "v1", ociManifest, wasmLayer, module)
	compat := r.push("plugins/compat", "v1", ociManifest, ociLayer, archive(module))
	r.push("plugins/docker", "v1", dockerManifest, dockerLayer, archive(module))
	other := r.push("plugins/compat", "other", ociManifest, ociLayer, archive([]byte("for another machine")))
	r.index("plugins/compat", "several", map[string]string{"plan9/other": other, "linux/amd64": compat, "linux/arm64": compat})
	for i, url := range []string{
		r.URL + "/plugin.wasm", r.URL + "/plugin.tar.gz",
		"oci://" + r.host() + "/plugins/oci:v1", r.host() + "/plugins/compat:v1", r.host() + "/plugins/docker:v1",
		r.host() + "/plugins/compat:several", r.host() + "/plugins/oci@" + oci,
	} {
		value := fmt.Sprintf(`{"source":%d}`, i)
		m.Case(strings.TrimPrefix(url, r.URL), plugin("source", "web", url, "pluginConfig: {source: "+fmt.Sprint(i)+"}"), func(t *testing.T) {
			m.get(t, seen("x-in", value))
		})
	}
	another := r.push("plugins/other", "v1", ociManifest, wasmLayer, wasmtest.Module(wasmtest.Behaviour{Header: "x-in", Name: "another"}))
	m.Case("digests", plugin("file", "web", r.URL+"/plugin.wasm", "sha256: "+hexOf(digest(module)), "pluginConfig: {n: 1}")+
		plugin("image", "web", r.host()+"/plugins/other:v1", "sha256: "+hexOf(another), "pluginConfig: {n: 2}"), func(t *testing.T) {
		m.get(t, seen("x-in", `{"n":1}`, `{"n":2}`))
	})
	m.apply("another digest", plugin("file", "web", r.URL+"/plugin.wasm", "sha256: "+strings.Repeat("f", 64)), func(t *testing.T) {
		answer := m.get(t, status(503))
		if !strings.Contains(answer.Body, "wasmplugin/default.file is not loaded") {
			t.Errorf("answered %q", answer.Body)
		}
		refused(t, m.Mesh, "web", "extensions.istio.io/wasmplugin/default.file", "not "+strings.Repeat("f", 64)+" as the plugin says")
	})
	m.apply("another image", plugin("image", "web", r.host()+"/plugins/oci:v1", "sha256: "+strings.Repeat("f", 64)), func(t *testing.T) {
		refused(t, m.Mesh, "web", "extensions.istio.io/wasmplugin/default.image", "its SHA-256 is "+hexOf(oci))
	})
	pullPolicies(m)
	pullSecrets(m, module)
}

func hexOf(digest string) string { return strings.TrimPrefix(digest, "sha256:") }

// pullPolicies: an image that is here is pulled again, when its plugin changes, if its tag is latest or the policy says so.
func pullPolicies(m *sidecars) {
	for i, c := range []struct{ name, tag, policy, want string }{
		{"IfNotPresent", "v1", "imagePullPolicy: IfNotPresent", "x-old"},
		{"the default", "v1", "imagePullPolicy: UNSPECIFIED_POLICY", "x-old"},
		{"the default for latest", "latest", "imagePullPolicy: UNSPECIFIED_POLICY", "x-new"},
		{"Always", "v1", "imagePullPolicy: Always", "x-new"},
		{"IfNotPresent for latest", "latest", "imagePullPolicy: IfNotPresent", "x-old"},
	} {
		repository := fmt.Sprintf("plugins/moving-%d", i)
		push := func(header string) {
			m.registry.push(repository, c.tag, ociManifest, wasmLayer, wasmtest.Module(wasmtest.Behaviour{Header: header}))
		}
		push("x-old")
		at := func(round string) string {
			return plugin("moving", "web", m.registry.host()+"/"+repository+":"+c.tag, c.policy, "pluginConfig: {round: "+round+"}")
		}
		m.Case("pull policy: "+c.name, at("1"), func(t *testing.T) {
			m.get(t, seen("x-old", `{"round":1}`))
			push("x-new")
			m.Write("case.yaml", at("2"))
			m.get(t, seen(c.want, `{"round":2}`))
		})
	}
}

// pullSecrets: the Secret beside the plugin buys the image.
func pullSecrets(m *sidecars, module []byte) {
	manifest := m.registry.push("private/plugin", "v1", ociManifest, wasmLayer, module)
	m.registry.mu.Lock()
	m.registry.password = "open sesame"
	m.registry.mu.Unlock()
	secret := func(password string) string {
		auth := base64.StdEncoding.EncodeToString([]byte("puller:" + password))
		file := fmt.Sprintf(`{"auths":{"%s":{"auth":"%s"}}}`, m.registry.host(), auth)
		return "apiVersion: v1\nkind: Secret\nmetadata: {name: pull}\ntype: kubernetes.io/dockerconfigjson\ndata: {.dockerconfigjson: " +
			base64.StdEncoding.EncodeToString([]byte(file)) + "}\n---\n"
	}
	at := plugin("private", "web", m.registry.host()+"/private/plugin:v1", "imagePullSecret: pull", "pluginConfig: {private: 1}")
	const name = "extensions.istio.io/wasmplugin/default.private"
	m.apply("no pull secret", at, func(t *testing.T) { refused(t, m.Mesh, "web", name, "pull secret") })
	m.apply("wrong pull secret", secret("wrong")+at, func(t *testing.T) { refused(t, m.Mesh, "web", name, "401") })
	extension := strings.NewReplacer("kind: WasmPlugin", "kind: TrafficExtension", "  url: ", "  wasm:\n    url: ", "\n  image", "\n    image",
		"\n  pluginConfig", "\n    pluginConfig").Replace(at)
	m.Case("fields of a TrafficExtension", secret("open sesame")+strings.TrimSuffix(extension, "---\n")+
		"    imagePullPolicy: IfNotPresent\n    sha256: "+hexOf(manifest)+"\n", func(t *testing.T) {
		m.get(t, seen("x-in", `{"private":1}`))
	})
	m.apply("right pull secret", secret("open sesame")+at, func(t *testing.T) {
		m.get(t, seen("x-in", `{"private":1}`))
		m.Settle()
		if strings.Contains(m.web.Log.String(), "sesame") {
			t.Error("the log holds the password")
		}
	})
}
