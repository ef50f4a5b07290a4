package analyze

import (
	"maps"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/inject"
	"github.com/meshctl/meshctl/pkg/mesh"

	networking "istio.io/api/networking/v1alpha3"
)

// WorkloadKinds are the kinds that make workloads: pods, what makes pods, and the mesh's own entries.
func WorkloadKinds() []config.Kind {
	return []config.Kind{
		config.Pod, config.Deployment, config.ReplicaSet, config.StatefulSet, config.DaemonSet, config.Job, config.CronJob,
		config.WorkloadEntry, config.WorkloadGroup,
	}
}

// Workload is a pod, a template of pods, or a WorkloadEntry or -Group: something that labels select. A pod and the
// Deployment that made it are two workloads.
type Workload struct {
	Object         *config.Object
	Namespace      string
	Name           string
	Labels         map[string]string
	Annotations    map[string]string
	ServiceAccount string
	// Pod is the pod, or the template as one; nil for WorkloadEntries and -Groups.
	Pod *corev1.PodTemplateSpec
	// Path leads to the pod within Object and ends in a dot: "spec.template." for a Deployment, "" for a Pod.
	Path string
	// Meshed: it has a proxy, or will be given one by injection.
	Meshed bool
	// Gateway: its proxy is one of a gateway.
	Gateway bool
}

// Proxy describes the workload's proxy as it would introduce itself to the control plane.
func (w *Workload) Proxy() mesh.Proxy {
	p := mesh.Proxy{
		ID:   "sidecar~" + w.Name + "." + w.Namespace,
		Name: w.Name, Namespace: w.Namespace, Labels: w.Labels, ServiceAccount: w.ServiceAccount,
		Config: w.Annotations[config.ProxyConfigAnnotation], Trusted: true,
	}
	if w.Gateway {
		p.Type = mesh.Router
		p.ID = "router~" + w.Name + "." + w.Namespace
	}
	if pod, ok := w.Object.Spec.(*corev1.Pod); ok && pod.Status.PodIP != "" {
		p.Addresses = []string{pod.Status.PodIP}
	}
	return p
}

// Workloads is an index of all workloads.
type Workloads struct {
	// All are ordered by key.
	All []*Workload
	// by namespace and by one label, "key=value"; "" is all of the namespace. The namespace "" has those of all namespaces.
	index map[string]map[string][]*Workload
}

// Selected returns the workloads of a namespace that have all the labels; an empty namespace means every namespace, no
// labels all workloads. The cost depends on how many have the rarest of the labels.
func (w *Workloads) Selected(namespace string, labels map[string]string) []*Workload {
	candidates := w.index[namespace][""]
	for k, v := range labels {
		if list := w.index[namespace][k+"="+v]; len(list) < len(candidates) {
			candidates = list
		}
	}
	var out []*Workload
	for _, c := range candidates {
		if mesh.Selects(labels, c.Labels) {
			out = append(out, c)
		}
	}
	return out
}

// AllWorkloads is the fact of all workloads of the mesh.
func AllWorkloads(p *Pass) *Workloads { return allWorkloads.Of(p) }

var allWorkloads = NewFact(func(p *Pass) *Workloads {
	out := &Workloads{index: map[string]map[string][]*Workload{}}
	p.Reads(config.Namespace, config.ConfigMap)
	for _, kind := range WorkloadKinds() {
		for _, o := range p.All(kind) {
			if w := p.Workload(o); w != nil {
				out.add(w)
			}
		}
	}
	return out
})

func (w *Workloads) add(one *Workload) {
	w.All = append(w.All, one)
	for _, namespace := range []string{one.Namespace, ""} {
		byLabel := w.index[namespace]
		if byLabel == nil {
			byLabel = map[string][]*Workload{}
			w.index[namespace] = byLabel
		}
		byLabel[""] = append(byLabel[""], one)
		for k, v := range one.Labels {
			byLabel[k+"="+v] = append(byLabel[k+"="+v], one)
		}
	}
}

// Workload reads an object of one of WorkloadKinds; nil for a pod that has ended and for what has no labels of pods. A Pod is as it is; a
// template is injected when its pods are made.
func (p *Pass) Workload(o *config.Object) *Workload {
	p.Reads(config.Namespace)
	injectors := Injectors(p)
	return once(&p.run.workloads, o, func() *Workload { return NewWorkload(o, p.Mesh(), injectors) })
}

// NewWorkload reads an object of a mesh as Pass.Workload does; injectors are what ReadInjectors read.
func NewWorkload(o *config.Object, m *mesh.Snapshot, injectors map[string]inject.Injector) *Workload {
	w := readWorkload(o)
	if w != nil && w.Path != "" && !w.Meshed {
		w.Meshed = w.Injected(m.NamespaceLabels(o.Key.Namespace), injectors)
		w.Gateway = w.Gateway && w.Meshed
	}
	return w
}

func readWorkload(o *config.Object) *Workload {
	w := &Workload{Object: o, Namespace: o.Key.Namespace, Name: o.Key.Name}
	var template *corev1.PodTemplateSpec
	switch spec := o.Spec.(type) {
	case *corev1.Pod:
		if spec.Status.Phase == corev1.PodSucceeded || spec.Status.Phase == corev1.PodFailed {
			return nil
		}
		template = &corev1.PodTemplateSpec{ObjectMeta: spec.ObjectMeta, Spec: spec.Spec}
	case *networking.WorkloadEntry:
		w.Labels, w.ServiceAccount, w.Meshed = merged(o.Meta.Labels, spec.GetLabels()), spec.GetServiceAccount(), spec.GetServiceAccount() != ""
		return w
	case *networking.WorkloadGroup:
		w.Labels, w.Annotations = spec.GetMetadata().GetLabels(), spec.GetMetadata().GetAnnotations()
		w.ServiceAccount, w.Meshed = spec.GetTemplate().GetServiceAccount(), true
		return w
	default:
		if template, w.Path = Template(o); template == nil {
			return nil
		}
	}
	w.Pod, w.Labels, w.Annotations, w.ServiceAccount = template, template.Labels, template.Annotations, template.Spec.ServiceAccountName
	if w.ServiceAccount == "" {
		w.ServiceAccount = "default"
	}
	w.readProxy()
	return w
}

// Template returns the template of pods that an object has, and the path to it; nil for objects that have none.
func Template(o *config.Object) (pod *corev1.PodTemplateSpec, path string) {
	switch spec := o.Spec.(type) {
	case *appsv1.Deployment:
		return &spec.Spec.Template, "spec.template."
	case *appsv1.ReplicaSet:
		return &spec.Spec.Template, "spec.template."
	case *appsv1.StatefulSet:
		return &spec.Spec.Template, "spec.template."
	case *appsv1.DaemonSet:
		return &spec.Spec.Template, "spec.template."
	case *batchv1.Job:
		return &spec.Spec.Template, "spec.template."
	case *batchv1.CronJob:
		return &spec.Spec.JobTemplate.Spec.Template, "spec.jobTemplate.spec.template."
	}
	return nil, ""
}

// readProxy looks for a proxy in the pod as it is written.
func (w *Workload) readProxy() {
	for _, list := range [][]corev1.Container{w.Pod.Spec.InitContainers, w.Pod.Spec.Containers} {
		for _, c := range list {
			if c.Name == ProxyContainer {
				w.Meshed, w.Gateway = true, w.Gateway || slices.Contains(c.Args, "router")
			}
		}
	}
	for template := range strings.SplitSeq(w.Annotations[templatesAnnotation], ",") {
		w.Gateway = w.Gateway || strings.TrimSpace(template) == "gateway"
	}
}

// templatesAnnotation of a pod names the templates that it is injected with, separated by commas; "gateway" makes its proxy a gateway
// (https://istio.io/latest/docs/setup/additional-setup/gateway/).
const templatesAnnotation = "inject.istio.io/templates"

// ProxyContainer is the name of the proxy's container in every pod of the mesh.
const ProxyContainer = "istio-proxy"

func merged(a, b map[string]string) map[string]string {
	if len(a) == 0 {
		return b
	}
	out := maps.Clone(a)
	maps.Copy(out, b)
	return out
}
