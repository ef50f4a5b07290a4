package check

import (
	"context"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/meshctl/meshctl/internal/remote"
	"github.com/meshctl/meshctl/pkg/install/client"
)

var (
	deploymentKind = kind("apps", "Deployment")
	podKind        = kind("", "Pod")
	serviceKind    = kind("", "Service")
	sliceKind      = kind("discovery.k8s.io", "EndpointSlice")
)

// After are the checks of an installation.
func After(c *Cluster) []Category {
	return []Category{
		{"Kubernetes API", []Check{
			{ID: "api-reachable", Title: "the API server answers", Needed: true, Run: c.reachable},
			{ID: "kubernetes-version", Title: "Kubernetes is recent enough", Run: c.recent},
		}},
		{"Control plane", []Check{
			{ID: "control-plane-exists", Title: "a control plane is installed", Needed: true, Run: c.installed},
			{ID: "control-plane-pods", Title: "its pods are ready", Run: c.ready},
			{ID: "service-endpoints", Title: "its Services and those of gateways have endpoints", Run: c.endpoints},
			{ID: "crd-owners", Title: "the CRDs of the mesh are there", Run: c.definitions(true)},
			{ID: "gateway-api", Title: "the Gateway API is recent, where there is one", Run: c.gatewayAPI},
			{ID: "other-meshes", Title: "no other mesh is installed", Run: c.alone},
		}},
		{"Certificates", []Check{
			{ID: "authority-expiry", Title: "the authority's certificates are good for 30 days and more", Run: c.authority},
			{ID: "webhook-ca", Title: "webhooks trust the mesh's root", Run: c.webhookCA},
			{ID: "root-configmaps", Title: "namespaces with proxies have the root", Run: c.rootConfigMaps},
		}},
		{"Admission", []Check{
			{ID: "webhook-overlap", Title: "no two injectors take the same pods", Run: c.overlap},
			{ID: "webhook-services", Title: "webhooks point to a control plane", Run: c.webhookServices},
			{ID: "injection", Title: "a pod that asks for a proxy gets one", Run: c.injection},
			{ID: "validation", Title: "configuration that could never work is refused", Run: c.validation},
		}},
		{"Data plane", []Check{
			{ID: "control-plane-version", Title: "the control plane is of the version of meshctl", Run: c.skew},
			{ID: "proxies-synced", Title: "proxies run what they should", Run: c.synced},
			{ID: "proxy-versions", Title: "proxies are those that would be injected now", Run: c.outdated},
			{ID: "unmeshed-pods", Title: "pods of meshed namespaces have proxies", Run: c.unmeshed},
		}},
	}
}

// planes returns the Deployments of control planes that are to be checked.
func (c *Cluster) planes(ctx context.Context) ([]appsv1.Deployment, error) {
	all, err := typed[appsv1.Deployment](ctx, c, deploymentKind, client.Selection{Namespace: c.System, Labels: "app=istiod"})
	return slices.DeleteFunc(all, func(d appsv1.Deployment) bool { return !c.mine(d.Labels["istio.io/rev"]) }), err
}

func (c *Cluster) installed(ctx context.Context) Result {
	planes, err := c.planes(ctx)
	if err != nil {
		return unread(err)
	}
	if len(planes) == 0 {
		of := ""
		if c.Revision != "" {
			of = " of revision " + c.Revision
		}
		return found(Error, nil, "install one with `meshctl install`, or see with `meshctl check --pre` whether one can be", "namespace %s has none%s", c.System, of)
	}
	names := make([]string, len(planes))
	for i, d := range planes {
		names[i] = d.Name
	}
	return good("%s in namespace %s", strings.Join(names, ", "), c.System)
}

func (c *Cluster) ready(ctx context.Context) Result {
	planes, err := c.planes(ctx)
	if err != nil {
		return unread(err)
	}
	var details []string
	for _, d := range planes {
		wanted := int32(1)
		if d.Spec.Replicas != nil {
			wanted = *d.Spec.Replicas
		}
		if d.Status.ReadyReplicas < wanted || wanted == 0 {
			details = append(details, d.Name+": "+itoa(int(d.Status.ReadyReplicas))+" of "+itoa(int(wanted))+" pods are ready"+c.waiting(ctx, d))
		}
	}
	if len(details) > 0 {
		return found(Error, details, "see `kubectl -n "+c.System+" describe pods -l app=istiod` and their logs", "%s not complete", plural(len(details), "control plane is", "control planes are"))
	}
	return Result{State: OK}
}

// waiting says what the first pod that is not ready waits for.
func (c *Cluster) waiting(ctx context.Context, d appsv1.Deployment) string {
	pods, err := typed[corev1.Pod](ctx, c, podKind, client.Selection{Namespace: c.System, Labels: "app=istiod"})
	if err != nil {
		return ""
	}
	for _, p := range pods {
		if p.Labels["istio.io/rev"] != d.Labels["istio.io/rev"] || remote.Ready(p) {
			continue
		}
		for _, s := range p.Status.ContainerStatuses {
			if s.State.Waiting != nil {
				return " (" + p.Name + ": " + s.State.Waiting.Reason + ")"
			}
		}
		for _, condition := range p.Status.Conditions {
			if condition.Type == corev1.PodScheduled && condition.Status == corev1.ConditionFalse {
				return " (" + p.Name + ": " + condition.Message + ")"
			}
		}
	}
	return ""
}

// endpoints looks at the Services that an installation makes: those of the system namespace that are part of the mesh.
func (c *Cluster) endpoints(ctx context.Context) Result {
	services, err := typed[corev1.Service](ctx, c, serviceKind, client.Selection{Namespace: c.System})
	if err != nil {
		return unread(err)
	}
	slicesOf, err := typed[discoveryv1.EndpointSlice](ctx, c, sliceKind, client.Selection{Namespace: c.System})
	if err != nil {
		return unread(err)
	}
	var details []string
	checked := 0
	for _, s := range services {
		if len(s.Spec.Selector) == 0 || s.Labels["app.kubernetes.io/part-of"] != "istio" && s.Labels["app"] != "istiod" {
			continue
		}
		checked++
		if !slices.ContainsFunc(slicesOf, func(e discoveryv1.EndpointSlice) bool {
			return e.Labels[discoveryv1.LabelServiceName] == s.Name && slices.ContainsFunc(e.Endpoints, serving)
		}) {
			details = append(details, "Service "+key(s.Namespace, s.Name))
		}
	}
	if len(details) > 0 {
		return found(Error, few(details), "see whether their pods are ready with `kubectl -n "+c.System+" get pods`", "%s no endpoint that is ready", plural(len(details), "Service has", "Services have"))
	}
	return good("%s", plural(checked, "Service", "Services"))
}

func serving(e discoveryv1.Endpoint) bool { return e.Conditions.Ready == nil || *e.Conditions.Ready }
