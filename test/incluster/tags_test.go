package incluster_test

import (
	"errors"
	"fmt"
	"os"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
)

const labelled = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: unlabelled, namespace: tags-app}
spec: {hosts: [a.example.com], http: [{route: [{destination: {host: a.example.com}}]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: tagged, namespace: tags-app, labels: {istio.io/rev: prod}}
spec: {hosts: [b.example.com], http: [{route: [{destination: {host: b.example.com}}]}]}
`

// tagged has a tag lead to a revision.
const tagged = `apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: tags-test-%[1]s, labels: {istio.io/tag: %[1]s, istio.io/rev: %[2]s}}
webhooks: []
`

// TestTagsStandForRevisions: configuration labelled with a tag counts for the revision that the tag leads to, and of several control planes
// the one that is meant by "default" says what became of what is for all.
func TestTagsStandForRevisions(t *testing.T) {
	const system = "tags-system"
	c := client(t)
	namespace(t, c, system)
	namespace(t, c, "tags-app")
	definitions, err := os.ReadFile("../../manifests/charts/base/files/crds.gen.yaml")
	if err != nil {
		t.Fatal(err)
	}
	apply := func(text string) {
		t.Helper()
		if err := shared.Apply(t.Context(), []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	apply(string(definitions))
	apply(labelled)
	access, err := shared.Config("admin", "system:masters")
	if err != nil {
		t.Fatal(err)
	}
	all, err := dynamic.NewForConfig(access)
	if err != nil {
		t.Fatal(err)
	}
	services := all.Resource(schema.GroupVersionResource{Group: "networking.istio.io", Version: "v1", Resource: "virtualservices"}).Namespace("tags-app")
	status := func(name string) error {
		u, err := services.Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if conditions, _, err := unstructured.NestedSlice(u.Object, "status", "conditions"); err != nil || len(conditions) == 0 {
			return fmt.Errorf("%s has no status", name)
		}
		return nil
	}
	startRevision(t, system, "c", "canary")
	apply(fmt.Sprintf(tagged, "prod", "canary"))
	eventually(t, "the status of what is labelled with a tag", func() error { return status("tagged") })
	if status("unlabelled") == nil {
		t.Error("a control plane that is not the default one writes the status of what is for all")
	}
	apply(fmt.Sprintf(tagged, "default", "canary"))
	eventually(t, "the status of what is for all", func() error { return status("unlabelled") })

	// The revision without a name is not the default one while the tag of that name leads elsewhere.
	if _, err := services.Patch(t.Context(), "unlabelled", "application/merge-patch+json", []byte(`{"spec": {"hosts": ["c.example.com"]}}`), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	start(t, system, "d")
	apply(fmt.Sprintf(tagged, "prod", "default"))
	eventually(t, "another generation's status", func() error {
		u, err := services.Get(t.Context(), "unlabelled", metav1.GetOptions{})
		if err != nil {
			return err
		}
		conditions, _, _ := unstructured.NestedSlice(u.Object, "status", "conditions")
		for _, c := range conditions {
			if m, ok := c.(map[string]any); ok && fmt.Sprint(m["observedGeneration"]) == fmt.Sprint(u.GetGeneration()) {
				return nil
			}
		}
		return errors.New("it is that of the one before")
	})
}
