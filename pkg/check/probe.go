package check

import (
	"context"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshctl/meshctl/pkg/inject"
	"github.com/meshctl/meshctl/pkg/install/client"
)

// probeNamespace is where the probes would be: every cluster has it, and it is nobody's system.
const probeNamespace = "default"

// injection has the API server create a pod that is kept nowhere, and looks whether it came back with a proxy.
func (c *Cluster) injection(ctx context.Context) Result {
	namespace, err := c.Client.Get(ctx, client.Ref{GroupVersionKind: namespaceKind, Name: probeNamespace})
	if err != nil {
		return unread(err)
	}
	labels := map[string]any{inject.Label: "true"}
	if namespace != nil && namespace.GetLabels()[inject.NamespaceLabel] != "" && namespace.GetLabels()[inject.NamespaceLabel] != "enabled" {
		return Result{State: Skipped, Message: "namespace " + probeNamespace + " is excluded from injection"}
	}
	if c.Revision != "" && c.Revision != "default" {
		labels[inject.RevisionLabel] = c.Revision
	}
	pod := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Pod",
		"metadata": map[string]any{"name": "meshctl-check", "namespace": probeNamespace, "labels": labels},
		"spec":     map[string]any{"containers": []any{map[string]any{"name": "probe", "image": "meshctl.io/probe"}}},
	}}
	got, err := c.Client.Apply(ctx, pod, client.ApplyOptions{DryRun: true})
	if err != nil {
		return refused(err)
	}
	if !hasProxy(got) {
		return found(Error, nil, "see `kubectl get mutatingwebhookconfigurations` and the log of the control plane",
			"a pod that asks for a proxy in namespace %s is created without one", probeNamespace)
	}
	return Result{State: OK}
}

// hasProxy looks among containers and, for native sidecars, init containers.
func hasProxy(pod *unstructured.Unstructured) bool {
	for _, field := range []string{"containers", "initContainers"} {
		list, _, _ := unstructured.NestedSlice(pod.Object, "spec", field)
		for _, item := range list {
			if container, ok := item.(map[string]any); ok && container["name"] == proxyContainer {
				return true
			}
		}
	}
	return false
}

// refused tells the webhook's failure from the rules of the cluster that refuse any such pod.
func refused(err error) Result {
	text := err.Error()
	switch {
	case strings.Contains(text, "failed calling webhook"), strings.Contains(text, "no endpoints available"):
		return found(Error, nil, "no pod that asks for a proxy can be created now: see whether the control plane is ready, and whether the network lets the API server reach port 15017 of its pods", "%s", text)
	case strings.Contains(text, "PodSecurity"), strings.Contains(text, "exceeded quota"), strings.Contains(text, "forbidden"):
		return found(Skipped, nil, "check as another user, or with `meshctl check inject` in another namespace", "the cluster refuses the probe itself: %s", text)
	}
	return found(Error, nil, "see the log of the control plane", "%s", text)
}

// validation has the API server create a VirtualService that could never work, kept nowhere.
func (c *Cluster) validation(ctx context.Context) Result {
	labels := map[string]any{}
	if c.Revision != "" {
		labels[inject.RevisionLabel] = c.Revision
	}
	broken := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
		"metadata": map[string]any{"name": "meshctl-check", "namespace": probeNamespace, "labels": labels},
		"spec": map[string]any{
			"hosts": []any{"meshctl-check.invalid"},
			"http": []any{map[string]any{
				"fault": map[string]any{"abort": map[string]any{"percentage": map[string]any{"value": int64(100)}, "httpStatus": int64(9999)}},
				"route": []any{map[string]any{"destination": map[string]any{"host": "meshctl-check.invalid"}}},
			}},
		},
	}}
	_, err := c.Client.Apply(ctx, broken, client.ApplyOptions{DryRun: true})
	switch {
	case err == nil:
		return found(Warning, nil, "see `kubectl get validatingwebhookconfigurations` and the log of the control plane", "a VirtualService that could never work is accepted")
	case strings.Contains(err.Error(), "validation.istio.io") && strings.Contains(err.Error(), "denied the request"):
		return Result{State: OK}
	default:
		return refused(err)
	}
}
