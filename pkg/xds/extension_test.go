package xds

import (
	"strings"
	"testing"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
)

const pullSecretName = "kubernetes://shop/pull"

func extensionObjects(t *testing.T, yaml string) []*config.Object {
	t.Helper()
	objects, problems := config.Decode("x.yaml", strings.NewReader(yaml))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return objects
}

// Credentials for images go to proxies that have proven who they are and run the plugin, and follow the Secret.
func TestPullSecretsAreForTheSelected(t *testing.T) {
	set := config.Set{}.With(config.Batch{Upserts: extensionObjects(t, `
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {name: it, namespace: shop}
spec: {selector: {matchLabels: {app: web}}, url: registry.example.com/it:v1, imagePullSecret: pull}
---
apiVersion: v1
kind: Secret
metadata: {name: pull, namespace: shop}
type: kubernetes.io/dockerconfigjson
stringData: {.dockerconfigjson: '{"auths":{"registry.example.com":{"auth":"dTpw"}}}'}
`)})
	snapshot := mesh.Build(set, mesh.Options{})
	catalog := NewCatalog(snapshot)
	proxy := func(namespace, app string, trusted bool) *Member {
		return catalog.Join(mesh.Proxy{
			ID: namespace + app, Name: app, Namespace: namespace, Labels: map[string]string{"app": app}, Trusted: trusted,
		})
	}
	selected := proxy("shop", "web", true)
	for m, want := range map[*Member][2]int{
		selected: {1, 1}, proxy("shop", "web", false): {1, 0}, proxy("shop", "other", true): {0, 0}, proxy("elsewhere", "web", true): {0, 0},
	} {
		extensions, secrets := m.View().Table(ExtensionType), m.View().Table(SecretType)
		if extensions.Len() != want[0] || secrets.Len() != want[1] {
			t.Errorf("%+v: %d extensions, %d secrets, want %v", m.proxy, extensions.Len(), secrets.Len(), want)
		}
		for r := range extensions.All() {
			if strings.Contains(string(r.Any.GetValue()), "dTpw") {
				t.Error("the configuration holds the credentials")
			}
		}
	}
	before := selected.View().Table(SecretType).Get(pullSecretName)
	next, change := snapshot.Apply(config.Batch{Upserts: extensionObjects(t, `
apiVersion: v1
kind: Secret
metadata: {name: pull, namespace: shop}
type: kubernetes.io/dockerconfigjson
stringData: {.dockerconfigjson: '{"auths":{"registry.example.com":{"auth":"dTpxcQ=="}}}'}
`)})
	catalog.Advance(next, change)
	if after := selected.View().Table(SecretType).Get(pullSecretName); before == nil || after == nil || before.Version == after.Version {
		t.Errorf("%v, then %v", before, after)
	}
}
