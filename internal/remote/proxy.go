package remote

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshctl/meshctl/internal/adminapi"
	"github.com/meshctl/meshctl/pkg/authz/ask"
	"github.com/meshctl/meshctl/pkg/proxyconfig/admin"
)

// workload is a kind of object that has pods.
type workload struct {
	names    []string
	resource schema.GroupVersionResource
}

func workloads() []workload {
	apps := schema.GroupVersion{Group: "apps", Version: "v1"}
	return []workload{
		{[]string{"deploy", "deployment", "deployments"}, apps.WithResource("deployments")},
		{[]string{"sts", "statefulset", "statefulsets"}, apps.WithResource("statefulsets")},
		{[]string{"ds", "daemonset", "daemonsets"}, apps.WithResource("daemonsets")},
		{[]string{"rs", "replicaset", "replicasets"}, apps.WithResource("replicasets")},
		{[]string{"job", "jobs"}, schema.GroupVersionResource{Group: "batch", Version: "v1", Resource: "jobs"}},
		{[]string{"svc", "service", "services"}, schema.GroupVersionResource{Version: "v1", Resource: "services"}},
	}
}

// Find returns the proxy that a user means: by POD, POD.NAMESPACE, pod/POD, another KIND/NAME with pods (the first that is ready is taken),
// or what adminapi.Resolve knows. A proxy that the control plane does not know, or does not answer about, has a name and a namespace only.
func (c *Cluster) Find(ctx context.Context, name string) (adminapi.Proxy, error) {
	namespace, pod, found, err := c.pod(ctx, name)
	if err != nil {
		return adminapi.Proxy{}, err
	}
	if !found {
		all, err := c.Proxies(ctx)
		if err != nil {
			return adminapi.Proxy{}, err
		}
		return adminapi.Resolve(all, name)
	}
	id := pod + "." + namespace
	if all, err := c.served(ctx); err == nil {
		if s, ok := all[id]; ok {
			return s.Proxy, nil
		}
	}
	return adminapi.Proxy{ID: id, Name: pod, Namespace: namespace}, nil
}

// pod finds the pod that a name means, if it means one.
func (c *Cluster) pod(ctx context.Context, name string) (namespace, pod string, found bool, err error) {
	kind, rest, ok := strings.Cut(name, "/")
	if !ok {
		return c.podNamed(ctx, name)
	}
	if slices.Contains([]string{"po", "pod", "pods"}, kind) {
		if namespace, pod, found, err = c.podNamed(ctx, rest); err == nil && !found {
			err = fmt.Errorf("cluster %s has no pod %q in namespace %s", c.Name, rest, c.Namespace)
		}
		return namespace, pod, found, err
	}
	for _, w := range workloads() {
		if slices.Contains(w.names, kind) {
			namespace, pod, err = c.podOf(ctx, w, rest)
			return namespace, pod, err == nil, err
		}
	}
	return "", "", false, nil // such as NAMESPACE/NAME
}

// places are where an object called name may be: names of objects may have dots too.
func (c *Cluster) places(name string) [][2]string {
	out := [][2]string{{c.Namespace, name}}
	if i := strings.LastIndexByte(name, '.'); i > 0 && i < len(name)-1 {
		out = append([][2]string{{name[i+1:], name[:i]}}, out...)
	}
	return out
}

func (c *Cluster) get(ctx context.Context, r schema.GroupVersionResource, name string) (*unstructured.Unstructured, error) {
	for _, p := range c.places(name) {
		o, err := c.Client.Resource(r).Namespace(p[0]).Get(ctx, p[1], metav1.GetOptions{})
		if err == nil || !apierrors.IsNotFound(err) {
			return o, err
		}
	}
	return nil, nil
}

func (c *Cluster) podNamed(ctx context.Context, name string) (namespace, pod string, found bool, err error) {
	o, err := c.get(ctx, corev1.SchemeGroupVersion.WithResource("pods"), name)
	if err != nil || o == nil {
		return "", "", false, err
	}
	return o.GetNamespace(), o.GetName(), true, nil
}

func (c *Cluster) podOf(ctx context.Context, w workload, name string) (namespace, pod string, err error) {
	o, err := c.get(ctx, w.resource, name)
	if err != nil {
		return "", "", err
	}
	if o == nil {
		return "", "", fmt.Errorf("cluster %s has no %s %q in namespace %s", c.Name, w.names[1], name, c.Namespace)
	}
	selector, err := selectorOf(o)
	if err != nil {
		return "", "", fmt.Errorf("%s %s: %w", w.names[1], name, err)
	}
	pods, err := c.pods(ctx, o.GetNamespace(), selector)
	if err != nil {
		return "", "", err
	}
	slices.SortFunc(pods, func(a, b corev1.Pod) int { return strings.Compare(a.Name, b.Name) })
	for _, p := range pods {
		if Ready(p) {
			return p.Namespace, p.Name, nil
		}
	}
	return "", "", fmt.Errorf("none of the %d pods of %s %s/%s is ready", len(pods), w.names[1], o.GetNamespace(), o.GetName())
}

// selectorOf reads the selector of a workload or of a Service, which has only labels.
func selectorOf(o *unstructured.Unstructured) (string, error) {
	raw, _, err := unstructured.NestedMap(o.Object, "spec", "selector")
	if err != nil || len(raw) == 0 {
		return "", fmt.Errorf("it selects no pods")
	}
	if o.GetKind() == "Service" {
		raw = map[string]any{"matchLabels": raw}
	}
	var selector metav1.LabelSelector
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(raw, &selector); err != nil {
		return "", err
	}
	parsed, err := metav1.LabelSelectorAsSelector(&selector)
	if err != nil {
		return "", err
	}
	return parsed.String(), nil
}

// Envoy returns the admin client of the Envoy in a proxy's pod.
func (c *Cluster) Envoy(p adminapi.Proxy) (*admin.Client, error) {
	return admin.NewOver(p.ID, func(ctx context.Context) (net.Conn, error) { return c.DialEnvoy(ctx, p) }), nil
}

// by returns the replica that serves a proxy.
func (c *Cluster) by(ctx context.Context, id string) (Instance, error) {
	all, err := c.served(ctx)
	if err != nil {
		return Instance{}, err
	}
	s, ok := all[id]
	if !ok {
		return Instance{}, fmt.Errorf("the control plane does not know a proxy %s: is its pod injected and running? See `meshctl proxy-status`", id)
	}
	return s.by, nil
}

// Config returns what a proxy is meant to run (see adminapi.Client).
func (c *Cluster) Config(ctx context.Context, id string) ([]byte, error) {
	instance, err := c.by(ctx, id)
	if err != nil {
		return nil, err
	}
	return instance.Config(ctx, id)
}

// Rotate makes a proxy's agent get a new certificate now.
func (c *Cluster) Rotate(ctx context.Context, id string) (adminapi.Certificate, error) {
	instance, err := c.by(ctx, id)
	if err != nil {
		return adminapi.Certificate{}, err
	}
	return instance.Rotate(ctx, id)
}

// Authorize asks any replica: all of them know all policies.
func (c *Cluster) Authorize(ctx context.Context, q ask.Query) ([]ask.Report, error) {
	instances, err := c.Instances(ctx)
	if err != nil {
		return nil, err
	}
	return instances[0].Authorize(ctx, q)
}

// Unreachable leaves errors as they are: they name the pod.
func (*Cluster) Unreachable(err error) error { return err }
