package analyze

import (
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/inject"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// Injectors are what the ConfigMaps of the system namespace tell injectors, by the name of the ConfigMap. None need be known: then
// injectors are taken to have the default policy.
func Injectors(p *Pass) map[string]inject.Injector { return injectors.Of(p) }

var injectors = NewFact(func(p *Pass) map[string]inject.Injector {
	p.Reads(config.ConfigMap)
	return ReadInjectors(p.Mesh())
})

// ReadInjectors reads what Injectors hands out.
func ReadInjectors(m *mesh.Snapshot) map[string]inject.Injector {
	out := map[string]inject.Injector{}
	for o := range m.Set().All(config.ConfigMap) {
		cm, ok := o.Spec.(*corev1.ConfigMap)
		if ok && o.Key.Namespace == m.Config().SystemNamespace && strings.HasPrefix(o.Key.Name, inject.ConfigMapName) {
			out[o.Key.Name] = inject.ReadInjector(cm)
		}
	}
	return out
}

// Injected reports whether pods like the workload's get a proxy when they are made. It is false for what has no pods.
func (p *Pass) Injected(w *Workload) bool {
	p.Reads(config.Namespace)
	return w.Injected(p.Mesh().NamespaceLabels(w.Namespace), Injectors(p))
}

// Injected reports the same, in a namespace with the given labels.
func (w *Workload) Injected(namespace map[string]string, injectors map[string]inject.Injector) bool {
	if w.Pod == nil {
		return false
	}
	return inject.Decide(inject.Candidate{
		Namespace: w.Namespace, Labels: w.Labels, Annotations: w.Annotations, NamespaceLabels: namespace, HostNetwork: w.Pod.Spec.HostNetwork,
	}, injectors[inject.ConfigMapOf(revision(namespace, w.Labels))].Policy)
}

// revision is that of the injector which is asked about a pod: the default one unless its namespace, or else it itself, names another.
func revision(namespace, pod map[string]string) string {
	if _, labelled := namespace[inject.NamespaceLabel]; labelled {
		return ""
	}
	if own, labelled := namespace[inject.RevisionLabel]; labelled {
		return own
	}
	return pod[inject.RevisionLabel]
}
