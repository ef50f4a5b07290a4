package check

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshctl/meshctl/internal/adminapi"
	"github.com/meshctl/meshctl/pkg/inject"
	"github.com/meshctl/meshctl/pkg/install/client"
)

const (
	proxyContainer = "istio-proxy"
	// late is how long a change may be on its way before it is worth a warning.
	late = 30 * time.Second
)

// proxyOf returns the container of the proxy in a pod, nil when it has none.
func proxyOf(p corev1.Pod) *corev1.Container {
	for _, list := range [][]corev1.Container{p.Spec.Containers, p.Spec.InitContainers} {
		for i := range list {
			if list[i].Name == proxyContainer {
				return &list[i]
			}
		}
	}
	return nil
}

// running returns the pods of all namespaces that have not ended.
func (c *Cluster) running(ctx context.Context) ([]corev1.Pod, error) {
	all, err := typed[corev1.Pod](ctx, c, podKind, client.Selection{})
	if err != nil {
		return nil, err
	}
	var out []corev1.Pod
	for _, p := range all {
		if p.DeletionTimestamp == nil && (p.Status.Phase == corev1.PodRunning || p.Status.Phase == corev1.PodPending) {
			out = append(out, p)
		}
	}
	return out, nil
}

// meshed returns the pods with proxies.
func (c *Cluster) meshed(ctx context.Context) ([]corev1.Pod, error) {
	all, err := c.running(ctx)
	if err != nil {
		return nil, err
	}
	var out []corev1.Pod
	for _, p := range all {
		if proxyOf(p) != nil {
			out = append(out, p)
		}
	}
	return out, nil
}

func (c *Cluster) skew(ctx context.Context) Result {
	instances, err := c.Mesh.Instances(ctx)
	if err != nil {
		return silent(err)
	}
	var details []string
	for _, i := range instances {
		status, err := i.Status(ctx)
		switch {
		case err != nil:
			details = append(details, i.Pod+": "+err.Error())
		case status.Version != c.Version:
			details = append(details, i.Pod+" (revision "+i.Revision+") is "+status.Version)
		}
	}
	if len(details) > 0 {
		return found(Warning, few(details), "bring the control plane to this version with `meshctl upgrade`, or use the meshctl of its version", "meshctl is %s", c.Version)
	}
	return good("%s", c.Version)
}

// silent is the result of a check that needs an answer of the control plane.
func silent(err error) Result {
	return found(Error, nil, "see the checks of the control plane above; its admin API is reached by port-forwarding, which this user must be allowed (create pods/portforward)", "%v", err)
}

func (c *Cluster) synced(ctx context.Context) Result {
	proxies, err := c.Mesh.Proxies(ctx)
	if err != nil {
		return silent(err)
	}
	var rejected, waiting []string
	for _, p := range proxies {
		if !p.Connected && c.Now.Sub(p.ConnectedSince) > late {
			waiting = append(waiting, p.ID+" is not connected")
			continue
		}
		for _, s := range p.Sync {
			switch {
			case s.State == adminapi.Rejected && s.Nack != nil:
				rejected = append(rejected, p.ID+" "+s.Type+": "+s.Nack.Error)
			case s.State == adminapi.Rejected:
				rejected = append(rejected, p.ID+" "+s.Type)
			case s.State == adminapi.Stale && !s.PendingSince.IsZero() && c.Now.Sub(s.PendingSince) > late:
				waiting = append(waiting, p.ID+" "+s.Type+" is stale")
			}
		}
	}
	switch {
	case len(rejected) > 0:
		return found(Error, few(append(rejected, waiting...)), "see `meshctl proxy-status` for the objects that it came from", "%s refused", plural(len(rejected), "configuration is", "configurations are"))
	case len(waiting) > 0:
		return found(Warning, few(waiting), "see `meshctl proxy-status`", "%s behind", plural(len(waiting), "proxy is", "proxies are"))
	}
	return good("%s", plural(len(proxies), "proxy", "proxies"))
}

// images returns the image of proxies that each revision injects now.
func (c *Cluster) images(ctx context.Context) (map[string]string, error) {
	planes, err := c.planes(ctx)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, d := range planes {
		revision := d.Labels["istio.io/rev"]
		u, err := c.Client.Get(ctx, client.Ref{GroupVersionKind: configMapKind, Namespace: c.System, Name: inject.ConfigMapOf(revision)})
		if err != nil {
			return nil, err
		}
		if u == nil {
			continue
		}
		maps, err := convert[corev1.ConfigMap]([]unstructured.Unstructured{*u})
		if err != nil {
			return nil, err
		}
		injector := inject.ReadInjector(&maps[0])
		out[revision] = injector.Image
		if injector.Variant != "" {
			out[revision] += "-" + injector.Variant
		}
	}
	return out, nil
}

// outdated finds proxies of another image than the one that their revision injects now.
func (c *Cluster) outdated(ctx context.Context) Result {
	images, err := c.images(ctx)
	if err != nil {
		return unread(err)
	}
	pods, err := c.meshed(ctx)
	if err != nil {
		return unread(err)
	}
	var old, orphans []string
	for _, p := range pods {
		revision := p.Labels["istio.io/rev"]
		want, known := images[revision]
		switch {
		case !known && c.Revision == "" && revision != "":
			orphans = append(orphans, key(p.Namespace, p.Name)+" of revision "+revision)
		case want != "" && proxyOf(p).Image != want && p.Annotations["sidecar.istio.io/proxyImage"] == "":
			old = append(old, key(p.Namespace, p.Name)+" runs "+proxyOf(p).Image)
		}
	}
	switch {
	case len(orphans) > 0:
		return found(Error, few(orphans), "move the namespaces to a revision that is installed, and restart the workloads", "%s to a revision that is not installed", plural(len(orphans), "pod belongs", "pods belong"))
	case len(old) > 0:
		return found(Warning, few(old), "restart the workloads, as with `kubectl rollout restart deployment -n NAMESPACE`", "%s of another image than would be injected now", plural(len(old), "proxy is", "proxies are"))
	}
	return good("%s", plural(len(pods), "pod", "pods"))
}

// unmeshed finds pods that would get a proxy if they were created now. Gateways and Jobs that ended are no such pods.
func (c *Cluster) unmeshed(ctx context.Context) Result {
	pods, err := c.running(ctx)
	if err != nil {
		return unread(err)
	}
	namespaces, err := c.list(ctx, namespaceKind, client.Selection{})
	if err != nil {
		return unread(err)
	}
	injectors, err := c.injectors(ctx)
	if err != nil {
		return unread(err)
	}
	labels := map[string]map[string]string{}
	for _, n := range namespaces {
		labels[n.GetName()] = n.GetLabels()
	}
	var details []string
	for _, p := range pods {
		candidate := inject.Candidate{Namespace: p.Namespace, Labels: p.Labels, Annotations: p.Annotations, NamespaceLabels: labels[p.Namespace], HostNetwork: p.Spec.HostNetwork}
		if proxyOf(p) == nil && len(takers(injectors, labels[p.Namespace], p.Labels)) > 0 && inject.Decide(candidate, inject.Policy{ByDefault: true}) {
			details = append(details, key(p.Namespace, p.Name))
		}
	}
	if len(details) > 0 {
		return found(Warning, few(details), "restart the workloads; see why one is left out with `meshctl check inject POD`", "%s a proxy that would get one now", plural(len(details), "pod lacks", "pods lack"))
	}
	return Result{State: OK}
}
