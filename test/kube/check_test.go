package kube_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/meshctl/meshctl/pkg/check"
)

// checks reads the JSON of `meshctl check`: the results by the IDs of the checks.
func checks(t *testing.T, o outcome) map[string]check.Result {
	t.Helper()
	var r struct{ Categories []check.Group }
	if err := json.Unmarshal([]byte(o.out), &r); err != nil {
		t.Fatalf("%v in %s%s", err, o.out, o.errOut)
	}
	all := map[string]check.Result{}
	for _, g := range r.Categories {
		for _, f := range g.Checks {
			all[f.ID] = f.Result
		}
	}
	return all
}

// during applies objects for the time of a test.
func during(t *testing.T, text string, made ...place) {
	t.Helper()
	config, err := shared.Config("admin", "system:masters")
	if err != nil {
		t.Fatal(err)
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, m := range made {
			if err := client.Resource(m.resource).Namespace(m.namespace).Delete(context.Background(), m.name, metav1.DeleteOptions{}); err != nil {
				t.Error(err)
			}
		}
	})
	if err := shared.Apply(t.Context(), []byte(text)); err != nil {
		t.Fatal(err)
	}
}

type place struct {
	resource        schema.GroupVersionResource
	namespace, name string
}

func TestCheckBefore(t *testing.T) {
	o := meshctl(t, nil, "check", "--pre", "--kubeconfig", admin(t), "-o", "json")
	all := checks(t, o)
	for _, id := range []string{"api-reachable", "kubernetes-version", "permissions", "other-meshes", "gateway-api", "webhook-overlap"} {
		if all[id].State != check.OK {
			t.Errorf("%s: %+v", id, all[id])
		}
	}
	if got := all["crd-owners"]; got.State != check.Warning || !strings.Contains(got.Message, "belong to somebody else") {
		t.Errorf("crd-owners: %+v", got)
	}
	if o.code != 0 {
		t.Errorf("exit code %d: %s", o.code, o.errOut)
	}
	if o := meshctl(t, nil, "check", "--pre", "--kubeconfig", admin(t), "--fail-on", "warning"); o.code != 3 || !strings.Contains(o.out, "[warning] existing CRDs can be used\n    ") {
		t.Errorf("exit code %d\n%s", o.code, o.out)
	}
	t.Log(meshctl(t, nil, "check", "--pre", "--kubeconfig", admin(t)).out)
}

func TestCheckWithoutPermissions(t *testing.T) {
	o := meshctl(t, nil, "check", "--pre", "--kubeconfig", kubeconfig(t, "visitor"), "-o", "json")
	all := checks(t, o)
	if got := all["permissions"]; got.State != check.Error || len(got.Details) == 0 || got.Hint == "" {
		t.Errorf("%+v", got)
	}
	if got := all["crd-owners"]; got.State != check.Skipped {
		t.Errorf("%+v", got)
	}
	if o.code != 3 {
		t.Errorf("exit code %d", o.code)
	}
}

func TestCheckFindsAnotherMeshAndTwoInjectors(t *testing.T) {
	webhook := func(name, namespaces string) string {
		return `
{apiVersion: admissionregistration.k8s.io/v1, kind: MutatingWebhookConfiguration, metadata: {name: ` + name + `}, webhooks: [{
  name: namespace.sidecar-injector.istio.io, admissionReviewVersions: [v1], sideEffects: None, failurePolicy: Ignore, timeoutSeconds: 1,
  clientConfig: {service: {name: istiod, namespace: elsewhere, path: /inject}},
  namespaceSelector: {matchExpressions: [{key: istio-injection, operator: In, values: [` + namespaces + `]}]},
  rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]}]}
---`
	}
	webhooks := schema.GroupVersionResource{Group: "admissionregistration.k8s.io", Version: "v1", Resource: "mutatingwebhookconfigurations"}
	during(t, webhook("one", "enabled")+webhook("other", "enabled, all")+webhook("apart", "apart")+`
{apiVersion: v1, kind: Namespace, metadata: {name: meshed, labels: {istio-injection: enabled}}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: istiod, namespace: default, labels: {app: istiod}}, spec: {selector: {matchLabels: {app: istiod}},
  template: {metadata: {labels: {app: istiod}}, spec: {containers: [{name: discovery, image: pilot}]}}}}
`,
		place{webhooks, "", "one"}, place{webhooks, "", "other"}, place{webhooks, "", "apart"},
		place{schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}, "default", "istiod"})
	o := meshctl(t, nil, "check", "--pre", "--kubeconfig", admin(t), "-o", "json")
	all := checks(t, o)
	if got := all["other-meshes"]; got.State != check.Error || !strings.Contains(got.Message, "Istio is installed here") || got.Hint == "" {
		t.Errorf("%+v", got)
	}
	got := all["webhook-overlap"]
	if got.State != check.Error || !slices.Contains(got.Details, "namespace meshed, pods without labels: one and other") {
		t.Errorf("%+v", got)
	}
	if o.code != 3 {
		t.Errorf("exit code %d", o.code)
	}
}

func TestCheckWithoutAnInstallation(t *testing.T) {
	o := meshctl(t, nil, "check", "--kubeconfig", admin(t), "-o", "json")
	all := checks(t, o)
	if got := all["control-plane-exists"]; got.State != check.Error || !strings.Contains(got.Hint, "meshctl install") {
		t.Errorf("%+v", got)
	}
	if got := all["injection"]; got.State != check.Skipped || !strings.Contains(got.Message, "control-plane-exists") {
		t.Errorf("%+v", got)
	}
	if o.code != 3 {
		t.Errorf("exit code %d", o.code)
	}
}

func TestCheckOfAClusterThatIsAway(t *testing.T) {
	o := meshctl(t, map[string]string{"KUBECONFIG": edited(t, admin(t), shared.URL, "https://127.0.0.1:1")}, "check", "-o", "json")
	all := checks(t, o)
	if got := all["api-reachable"]; got.State != check.Error {
		t.Errorf("%+v", got)
	}
	if got := all["kubernetes-version"]; got.State != check.Skipped {
		t.Errorf("%+v", got)
	}
}
