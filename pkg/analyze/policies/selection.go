package policies

import (
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	typev1beta1 "istio.io/api/type/v1beta1"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/inject"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// targeting is how policies name what they hold for.
type targeting interface {
	GetTargetRefs() []*typev1beta1.PolicyTargetReference
	GetTargetRef() *typev1beta1.PolicyTargetReference
}

// targeted reports whether an object names its targets.
func targeted(o *config.Object) bool {
	spec, ok := o.Spec.(targeting)
	return ok && (spec.GetTargetRef() != nil || len(spec.GetTargetRefs()) > 0)
}

// holdsFor returns the workloads of the mesh that an object holds for: those that it selects in its namespace, or everywhere from the root
// namespace.
func holdsFor(p *analyze.Pass, o *config.Object) []*analyze.Workload {
	namespace := o.Key.Namespace
	if namespace == p.Config().Mesh.GetRootNamespace() {
		namespace = ""
	}
	all := analyze.AllWorkloads(p).Selected(namespace, mesh.SelectorOf(o))
	return slices.DeleteFunc(slices.Clone(all), func(w *analyze.Workload) bool { return !member(p, w) })
}

// member reports whether policies can hold for a workload: it has a proxy, or gets one, or is in ambient mode. Where the input says
// nothing about namespaces, they are taken to inject.
func member(p *analyze.Pass, w *analyze.Workload) bool {
	if w.Meshed || w.Pod == nil || ambient(w) {
		return true
	}
	labels := p.Mesh().NamespaceLabels(w.Namespace)
	if !p.Knows(config.Namespace) {
		labels = map[string]string{inject.NamespaceLabel: "enabled"}
	}
	return w.Injected(labels, analyze.Injectors(p))
}

// ambientLabel of a namespace or a pod puts it into ambient mode; the annotation of a pod says that it is.
const (
	ambientLabel      = "istio.io/dataplane-mode"
	ambientAnnotation = "ambient.istio.io/redirection"
)

func ambient(w *analyze.Workload) bool {
	return w.Annotations[ambientAnnotation] == "enabled" || w.Labels[ambientLabel] == "ambient"
}

// made reports whether a controller made the object: then what is to be changed stands in the controller.
func made(w *analyze.Workload) bool {
	meta, ok := w.Object.Spec.(metav1.Object)
	return ok && len(meta.GetOwnerReferences()) > 0
}

// text writes labels as people write selectors.
func text(labels map[string]string) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		out = append(out, k+"="+labels[k])
	}
	return strings.Join(out, ",")
}

// workloadKinds are those that decide which workloads of the mesh an object holds for.
func workloadKinds(more ...config.Kind) []config.Kind {
	return append(append(analyze.WorkloadKinds(), config.Namespace), more...)
}
