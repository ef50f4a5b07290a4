package install_test

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

var (
	deployments = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	replicaSets = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "replicasets"}
	namespaces  = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	configMaps  = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
	pods        = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	secrets     = schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
	leases      = schema.GroupVersionResource{Group: "coordination.k8s.io", Version: "v1", Resource: "leases"}
	mutating    = schema.GroupVersionResource{Group: "admissionregistration.k8s.io", Version: "v1", Resource: "mutatingwebhookconfigurations"}
	validating  = schema.GroupVersionResource{Group: "admissionregistration.k8s.io", Version: "v1", Resource: "validatingwebhookconfigurations"}
	definitions = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
)

// controllers do what a cluster's controllers and meshd do, as far as an installation waits for it.
type controllers struct {
	d    dynamic.Interface
	rest *rest.RESTClient
	// stall, unless nil, says of a Deployment that it does not become ready.
	stall func(name string) bool
}

// run starts them; they end with the test.
func (c controllers) run(t *testing.T) {
	t.Helper()
	c.d = raw(t)
	config, err := shared.Config("admin", "system:masters")
	if err != nil {
		t.Fatal(err)
	}
	config.NegotiatedSerializer = negotiated()
	config.APIPath, config.GroupVersion = "/api", &schema.GroupVersion{Version: "v1"}
	if c.rest, err = rest.RESTClientFor(config); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wait sync.WaitGroup
	wait.Go(func() {
		tick := time.NewTicker(30 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			c.deployments(ctx)
			c.webhooks(ctx, mutating)
			c.webhooks(ctx, validating)
			c.namespaces(ctx)
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	})
	t.Cleanup(func() { cancel(); wait.Wait() })
}

// deployments makes them ready.
func (c controllers) deployments(ctx context.Context) {
	list, err := c.d.Resource(deployments).List(ctx, metav1.ListOptions{})
	if err != nil {
		return
	}
	for n := range list.Items {
		u := &list.Items[n]
		seen, _, _ := unstructured.NestedInt64(u.Object, "status", "observedGeneration")
		if seen == u.GetGeneration() || c.stall != nil && c.stall(u.GetName()) {
			continue
		}
		replicas, _, _ := unstructured.NestedInt64(u.Object, "spec", "replicas")
		u.Object["status"] = map[string]any{
			"observedGeneration": u.GetGeneration(), "replicas": replicas, "updatedReplicas": replicas, "readyReplicas": replicas, "availableReplicas": replicas,
			"conditions": []any{
				map[string]any{"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable"},
				map[string]any{"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"},
			},
		}
		_, _ = c.d.Resource(deployments).Namespace(u.GetNamespace()).UpdateStatus(ctx, u, metav1.UpdateOptions{FieldManager: "kube-controller-manager"})
	}
}

// webhooks fills in bundles, and closes validators, as meshd's leader does.
func (c controllers) webhooks(ctx context.Context, resource schema.GroupVersionResource) {
	list, err := c.d.Resource(resource).List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/managed-by=meshctl"})
	if err != nil {
		return
	}
	for n := range list.Items {
		u := &list.Items[n]
		webhooks, _, _ := unstructured.NestedSlice(u.Object, "webhooks")
		var patch []map[string]any
		for m, item := range webhooks {
			w := item.(map[string]any)
			if bundle, _, _ := unstructured.NestedString(w, "clientConfig", "caBundle"); bundle == "" {
				patch = append(patch, map[string]any{"op": "add", "path": "/webhooks/" + string(rune('0'+m)) + "/clientConfig/caBundle", "value": bundleOfTests})
				if resource == validating {
					patch = append(patch, map[string]any{"op": "replace", "path": "/webhooks/" + string(rune('0'+m)) + "/failurePolicy", "value": "Fail"})
				}
			}
		}
		if data, _ := json.Marshal(patch); len(patch) > 0 {
			_, _ = c.d.Resource(resource).Patch(ctx, u.GetName(), types.JSONPatchType, data, metav1.PatchOptions{FieldManager: "meshd"})
		}
	}
}

// bundleOfTests is a certificate that nobody has the key of, in base64.
const bundleOfTests = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUJjakNDQVJpZ0F3SUJBZ0lCQVRBS0JnZ3Foa2pPUFFRREFqQUFNQjRYRFRjd01ERXdNVEF3TURBd01Gb1gKRFRjd01ERXdNVEF3TURBd01Gb3dBREJaTUJNR0J5cUdTTTQ5QWdFR0NDcUdTTTQ5QXdFSEEwSUFCQT09Ci0tLS0tRU5EIENFUlRJRklDQVRFLS0tLS0K"

// namespaces takes away those that are being deleted.
func (c controllers) namespaces(ctx context.Context) {
	list, err := c.d.Resource(namespaces).List(ctx, metav1.ListOptions{})
	if err != nil {
		return
	}
	for n := range list.Items {
		u := &list.Items[n]
		if u.GetDeletionTimestamp() == nil {
			continue
		}
		for _, resource := range []schema.GroupVersionResource{configMaps, secrets, leases} {
			_ = c.d.Resource(resource).Namespace(u.GetName()).DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{})
		}
		_ = unstructured.SetNestedSlice(u.Object, nil, "spec", "finalizers")
		body, _ := u.MarshalJSON()
		_ = c.rest.Put().Resource("namespaces").Name(u.GetName()).SubResource("finalize").Body(body).Do(ctx).Error()
	}
}
