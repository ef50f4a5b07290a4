// Package remote reaches a mesh in a Kubernetes cluster: the admin API of meshd's pods, and the Envoys of pods, by port-forwarding.
package remote

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/meshctl/meshctl/internal/adminapi"
	"github.com/meshctl/meshctl/internal/portforward"
)

const (
	// adminPort is where meshd serves its admin API, on the loopback address of its pod.
	adminPort = 9876
	// envoyPort is where an Envoy serves its own.
	envoyPort = 15000
)

// ErrNoControlPlane means that no pod of meshd is ready.
var ErrNoControlPlane = errors.New("no control plane is ready")

// Dialer connects to a port of a pod.
type Dialer interface {
	DialPod(ctx context.Context, namespace, pod string, port int) (net.Conn, error)
}

// Cluster is a mesh in a cluster. Its methods are safe for concurrent use.
type Cluster struct {
	Client dynamic.Interface
	Dialer Dialer
	// Name is how people know the cluster.
	Name string
	// System is the namespace of the control plane.
	System string
	// Revision is the only one to ask; empty means all of them. "default" is the one without a name.
	Revision string
	// Namespace is that of pods which are named without one.
	Namespace string
}

// New returns the mesh of a cluster. Nothing is asked yet.
func New(config *rest.Config) (*Cluster, error) {
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	return &Cluster{Client: client, Dialer: portforward.Dialer{Config: config}}, nil
}

// Instance is a replica of the control plane that is ready.
type Instance struct {
	*adminapi.Client
	Pod, Revision string
}

// Instances returns the replicas, ordered by name; ErrNoControlPlane when there is none.
func (c *Cluster) Instances(ctx context.Context) ([]Instance, error) {
	selector := "app=istiod"
	if c.Revision != "" {
		selector += ",istio.io/rev=" + c.Revision
	}
	pods, err := c.pods(ctx, c.System, selector)
	if err != nil {
		return nil, err
	}
	var out []Instance
	for _, p := range pods {
		if !Ready(p) {
			continue
		}
		client := adminapi.NewClientOver(p.Name+"."+p.Namespace, func(ctx context.Context) (net.Conn, error) {
			return c.Dialer.DialPod(ctx, p.Namespace, p.Name, adminPort)
		})
		out = append(out, Instance{client, p.Name, cmp.Or(p.Labels["istio.io/rev"], "default")})
	}
	if len(out) == 0 {
		return nil, c.none(len(pods))
	}
	slices.SortFunc(out, func(a, b Instance) int { return strings.Compare(a.Pod, b.Pod) })
	return out, nil
}

func (c *Cluster) none(unready int) error {
	of := ""
	if c.Revision != "" {
		of = " of revision " + c.Revision
	}
	if unready > 0 {
		return fmt.Errorf("%w in cluster %s: none of %d pods%s in namespace %s is; see `meshctl check`", ErrNoControlPlane, c.Name, unready, of, c.System)
	}
	return fmt.Errorf("%w in cluster %s: namespace %s has no pods of meshd%s; install one with `meshctl install`, or name another namespace with --system-namespace",
		ErrNoControlPlane, c.Name, c.System, of)
}

func (c *Cluster) pods(ctx context.Context, namespace, selector string) ([]corev1.Pod, error) {
	list, err := c.Client.Resource(corev1.SchemeGroupVersion.WithResource("pods")).Namespace(namespace).
		List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return nil, fmt.Errorf("cluster %s: list pods of namespace %s: %w", c.Name, namespace, err)
	}
	pods := make([]corev1.Pod, len(list.Items))
	for i, item := range list.Items {
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(item.Object, &pods[i]); err != nil {
			return nil, fmt.Errorf("pod %s/%s: %w", item.GetNamespace(), item.GetName(), err)
		}
	}
	return pods, nil
}

// Ready reports whether a pod runs, is ready and is not about to end.
func Ready(p corev1.Pod) bool {
	return p.DeletionTimestamp == nil && p.Status.Phase == corev1.PodRunning && slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// Status describes the first replica that answers, with the problems that any of them sees.
func (c *Cluster) Status(ctx context.Context) (adminapi.Status, error) {
	all, err := everyone(ctx, c, func(ctx context.Context, i Instance) (adminapi.Status, error) { return i.Status(ctx) })
	if err != nil {
		return adminapi.Status{}, err
	}
	status := all[0].value
	for _, other := range all[1:] {
		for _, p := range other.value.Problems {
			if !slices.Contains(status.Problems, p) {
				status.Problems = append(status.Problems, p)
			}
		}
	}
	return status, nil
}

// Proxies returns those of all replicas, ordered by ID. Each is as the replica sees it that serves it.
func (c *Cluster) Proxies(ctx context.Context) ([]adminapi.Proxy, error) {
	all, err := c.served(ctx)
	if err != nil {
		return nil, err
	}
	proxies := make([]adminapi.Proxy, 0, len(all))
	for _, s := range all {
		proxies = append(proxies, s.Proxy)
	}
	slices.SortFunc(proxies, func(a, b adminapi.Proxy) int { return strings.Compare(a.ID, b.ID) })
	return proxies, nil
}

// served is a proxy and the replica that serves it, or did last.
type served struct {
	adminapi.Proxy
	by Instance
}

func (c *Cluster) served(ctx context.Context) (map[string]served, error) {
	all, err := everyone(ctx, c, func(ctx context.Context, i Instance) ([]adminapi.Proxy, error) { return i.Proxies(ctx) })
	if err != nil {
		return nil, err
	}
	merged := map[string]served{}
	for _, a := range all {
		for _, p := range a.value {
			before, ok := merged[p.ID]
			if !ok || p.Connected && !before.Connected || p.Connected == before.Connected && p.ConnectedSince.After(before.ConnectedSince) {
				merged[p.ID] = served{p, a.from}
			}
		}
	}
	return merged, nil
}

type answer[T any] struct {
	from  Instance
	value T
}

// everyone asks all replicas at a time. One that has just gone does not matter while another answers; its proxies go there.
func everyone[T any](ctx context.Context, c *Cluster, question func(context.Context, Instance) (T, error)) ([]answer[T], error) {
	instances, err := c.Instances(ctx)
	if err != nil {
		return nil, err
	}
	values, failures := make([]T, len(instances)), make([]error, len(instances))
	var group sync.WaitGroup
	for i, instance := range instances {
		group.Go(func() { values[i], failures[i] = question(ctx, instance) })
	}
	group.Wait()
	var out []answer[T]
	for i, instance := range instances {
		if failures[i] == nil {
			out = append(out, answer[T]{instance, values[i]})
		}
	}
	if len(out) == 0 {
		return nil, errors.Join(failures...)
	}
	return out, nil
}
