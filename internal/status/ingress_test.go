package status

import (
	"fmt"
	"strings"
	"testing"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
)

func build(t *testing.T, text string) *mesh.Snapshot {
	t.Helper()
	objects, problems := config.Decode("test.yaml", strings.NewReader(text))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return mesh.Build(config.Set{}.With(config.Batch{Full: true, Upserts: objects}), mesh.Options{})
}

const ingresses = `
apiVersion: v1
kind: Service
metadata: {name: istio-ingressgateway, namespace: istio-system}
spec: {type: LoadBalancer, ports: [{port: 80}]}
status: {loadBalancer: {ingress: [{ip: 192.0.2.7}]}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: ours, namespace: shop}
spec: {ingressClassName: istio, defaultBackend: {service: {name: web, port: {number: 80}}}}
STATUS
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: theirs, namespace: shop, annotations: {kubernetes.io/ingress.class: nginx}}
spec: {defaultBackend: {service: {name: web, port: {number: 80}}}}
`

func TestIngressesSayWhereTheyAreReached(t *testing.T) {
	got := Of(build(t, strings.Replace(ingresses, "STATUS", "", 1)), nil)
	if len(got) != 1 || got[0].Key.Name != "ours" || !strings.Contains(fmt.Sprint(got[0].Status), "192.0.2.7") {
		t.Errorf("got %v", got)
	}
	if got := Of(build(t, strings.Replace(ingresses, "STATUS", "status: {loadBalancer: {ingress: [{ip: 192.0.2.7}]}}", 1)), nil); len(got) != 0 {
		t.Errorf("an Ingress that says it already: %v", got)
	}
}

// TestFindingsCount writes again when a finding comes or the object is another generation.
func TestFindingsCount(t *testing.T) {
	const text = "apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: s, namespace: shop, generation: 4}\nspec: {}\n" +
		"status: {conditions: [{type: Reconciled, status: 'True', reason: Accepted, message: in force, observedGeneration: GEN}]}\n"
	s := build(t, strings.Replace(text, "GEN", "4", 1))
	if got := Of(s, nil); len(got) != 0 {
		t.Errorf("nothing changed: %v", got)
	}
	key := config.Key{Kind: config.Sidecar, Namespace: "shop", Name: "s"}
	got := Of(s, []config.Problem{{Object: key, Severity: config.Warning, Field: "spec", Message: "is empty"}})
	if len(got) != 1 || !strings.Contains(fmt.Sprint(got[0].Status), "in force, but: spec: is empty") || !strings.Contains(fmt.Sprint(got[0].Status), "WARNING") {
		t.Errorf("a warning: %v", got)
	}
	if got := Of(build(t, strings.Replace(text, "GEN", "3", 1)), nil); len(got) != 1 {
		t.Errorf("another generation: %v", got)
	}
}
