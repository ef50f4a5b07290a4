package incluster_test

import (
	"context"
	"fmt"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/meshctl/meshctl/test/cluster"
)

const deployedFor = `
apiVersion: v1
kind: ConfigMap
metadata: {name: istio-sidecar-injector, namespace: gateways-system}
data: {config: "", values: '{"global": {"hub": "example.com", "tag": "v1"}}'}
---
apiVersion: v1
kind: Namespace
metadata: {name: edge}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: taken-istio, namespace: edge}
spec: {selector: {matchLabels: {app: a}}, template: {metadata: {labels: {app: a}}, spec: {containers: [{name: a, image: a}]}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: options, namespace: edge}
data:
  deployment: "spec: {replicas: 3}"
  podDisruptionBudget: "spec: {minAvailable: 1}"
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: taken, namespace: edge}
spec: {gatewayClassName: istio, listeners: [{name: http, port: 80, protocol: HTTP}]}
`

const edge = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web, namespace: edge, annotations: {networking.istio.io/service-type: ClusterIP}}
spec:
  gatewayClassName: istio
  infrastructure: {labels: {team: web}, parametersRef: {group: "", kind: ConfigMap, name: options}}
  listeners:
  - {name: http, port: %d, protocol: HTTP}
`

// TestGatewaysAreDeployed follows a Gateway from its beginning to its end.
func TestGatewaysAreDeployed(t *testing.T) {
	c := client(t)
	definitions, err := cluster.Definitions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	apply := func(text string) {
		t.Helper()
		if err := shared.Apply(t.Context(), []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	namespace(t, c, "gateways-system")
	start(t, "gateways-system", "a")
	apply(string(definitions)) // it finds out that there is a Gateway API now
	apply(deployedFor)
	apply(fmt.Sprintf(edge, 80))
	deployed := func(what string, check func(d *appsv1.Deployment, s *corev1.Service) error) {
		t.Helper()
		eventually(t, what, func() error {
			d, err := c.AppsV1().Deployments("edge").Get(t.Context(), "web-istio", metav1.GetOptions{})
			if err != nil {
				return err
			}
			s, err := c.CoreV1().Services("edge").Get(t.Context(), "web-istio", metav1.GetOptions{})
			if err != nil {
				return err
			}
			return check(d, s)
		})
	}
	port := func(want int32) func(*appsv1.Deployment, *corev1.Service) error {
		return func(d *appsv1.Deployment, s *corev1.Service) error {
			if image := d.Spec.Template.Spec.Containers[0].Image; image != "example.com/mesh-proxy:v1" || *d.Spec.Replicas != 3 || d.Labels["team"] != "web" {
				return fmt.Errorf("%s, %d replicas, labels %v", image, *d.Spec.Replicas, d.Labels)
			}
			if n := len(s.Spec.Ports); n != 2 || s.Spec.Ports[1].Port != want || len(s.OwnerReferences) != 1 {
				return fmt.Errorf("ports %v, owners %v", s.Spec.Ports, s.OwnerReferences)
			}
			return nil
		}
	}
	deployed("the gateway", port(80))
	apply(fmt.Sprintf(edge, 8080))
	deployed("another listener", port(8080))
	if _, err := c.CoreV1().ServiceAccounts("edge").Get(t.Context(), "web-istio", metav1.GetOptions{}); err != nil {
		t.Error(err)
	}

	// What somebody takes away or changes comes back.
	if err := c.CoreV1().Services("edge").Delete(t.Context(), "web-istio", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.AppsV1().Deployments("edge").Patch(t.Context(), "web-istio", types.StrategicMergePatchType,
		[]byte(`{"spec": {"template": {"spec": {"containers": [{"name": "istio-proxy", "image": "example.com/other"}]}}}}`), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	deployed("what was changed", port(8080))

	// A budget that is no longer asked for goes.
	budget := func() error {
		_, err := c.PolicyV1().PodDisruptionBudgets("edge").Get(t.Context(), "web-istio", metav1.GetOptions{})
		return err
	}
	eventually(t, "a disruption budget", budget)
	if _, err := c.CoreV1().ConfigMaps("edge").Patch(t.Context(), "options", types.MergePatchType, []byte(`{"data": {"podDisruptionBudget": null}}`), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end of the disruption budget", func() error {
		if err := budget(); !apierrors.IsNotFound(err) {
			return fmt.Errorf("it is there: %s", fmt.Sprint(err))
		}
		return nil
	})

	// The status says where it is reached; a Deployment of somebody else stays as it is.
	access, err := shared.Config("admin", "system:masters")
	if err != nil {
		t.Fatal(err)
	}
	all, err := dynamic.NewForConfig(access)
	if err != nil {
		t.Fatal(err)
	}
	gateways := all.Resource(schema.GroupVersionResource{Group: "gateway.networking.k8s.io", Version: "v1", Resource: "gateways"}).Namespace("edge")
	eventually(t, "an address", func() error { return addressOf(t.Context(), gateways, "web", "web-istio.edge.svc.cluster.local") })
	if d, err := c.AppsV1().Deployments("edge").Get(t.Context(), "taken-istio", metav1.GetOptions{}); err != nil || d.Labels["gateway.istio.io/managed"] != "" {
		t.Errorf("%v: a Deployment of somebody else was taken", err)
	}
	classes := all.Resource(schema.GroupVersionResource{Group: "gateway.networking.k8s.io", Version: "v1", Resource: "gatewayclasses"})
	if _, err := classes.Get(t.Context(), "istio", metav1.GetOptions{}); err != nil {
		t.Error(err)
	}

	// From now on somebody deploys by hand.
	if _, err := gateways.Patch(t.Context(), "web", types.MergePatchType, []byte(`{"spec": {"addresses": [{"type": "Hostname", "value": "mine"}]}}`), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end of the deployment", func() error {
		if _, err := c.AppsV1().Deployments("edge").Get(t.Context(), "web-istio", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
			return fmt.Errorf("it is there, or: %s", fmt.Sprint(err))
		}
		return nil
	})
}

func addressOf(ctx context.Context, gateways dynamic.ResourceInterface, name, want string) error {
	g, err := gateways.Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	status, _ := g.Object["status"].(map[string]any)
	list, _ := status["addresses"].([]any)
	if len(list) == 1 {
		if a, _ := list[0].(map[string]any); a["value"] == want {
			return nil
		}
	}
	return fmt.Errorf("status %v", status)
}
