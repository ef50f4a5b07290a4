package agent

import (
	"slices"
	"testing"
)

func TestEnvironmentSaysWhoTheWorkloadIs(t *testing.T) {
	o := Options{Name: "web-0", Namespace: "shop", Labels: map[string]string{"app": "web", "version": "v2"}, MeshID: "m"}
	got := o.environment(map[string]string{"POD_NAMESPACE": "mine", "OTEL_RESOURCE_ATTRIBUTES": "team=a", "BAD=NAME": "x"})
	want := []string{
		"CANONICAL_REVISION=v2", "CANONICAL_SERVICE=web", "ISTIO_META_CLUSTER_ID=unknown", "ISTIO_META_MESH_ID=m",
		"MESHCTL_PEER=web-0;shop;web;v2;Kubernetes",
		"OTEL_RESOURCE_ATTRIBUTES=service.name=web.shop,team=a", "POD_NAMESPACE=mine",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	named := o.environment(map[string]string{"OTEL_RESOURCE_ATTRIBUTES": "service.name=other"})
	if !slices.Contains(named, "OTEL_RESOURCE_ATTRIBUTES=service.name=other") {
		t.Errorf("the user's name of the service is lost: %q", named)
	}
	if got := (Options{Name: "web-0"}).environment(nil); !slices.Contains(got, "CANONICAL_SERVICE=web-0") || !slices.Contains(got, "CANONICAL_REVISION=latest") {
		t.Errorf("without labels: %q", got)
	}
}
