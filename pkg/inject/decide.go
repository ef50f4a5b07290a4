// Package inject decides which pods get a sidecar. It is pure.
package inject

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

const (
	// Label of a pod, or of its template, that asks for a sidecar ("true") or refuses one ("false").
	Label = "sidecar.istio.io/inject"
	// Annotation is the older form of Label, which still counts where the label is not set.
	Annotation = "sidecar.istio.io/inject"
	// NamespaceLabel of a namespace: "enabled", or anything else for never.
	NamespaceLabel = "istio-injection"
	// RevisionLabel of a namespace or a pod names the control plane that injects.
	RevisionLabel = "istio.io/rev"
)

// Candidate is a pod, or the template of one, that may get a sidecar.
type Candidate struct {
	// Namespace is the name of the pod's namespace.
	Namespace string
	// Labels and Annotations of the pod; NamespaceLabels of its namespace.
	Labels, Annotations, NamespaceLabels map[string]string
	HostNetwork                          bool
}

// Policy is what an injector is told. The zero value is the default one.
type Policy struct {
	// ByDefault: namespaces without a label inject (enableNamespacesByDefault).
	ByDefault bool
	// Disabled: only pods that ask, themselves or through Always, get a sidecar (policy: disabled).
	Disabled bool
	// Never and Always select, by their labels, pods that do not say themselves what they want; Never comes first. Selectors without a
	// condition select nothing.
	Never, Always []metav1.LabelSelector
}

// Decide reports whether the candidate gets a sidecar. What selects it for an injector: its namespace by a label or, where the namespace
// has none, the pod itself by its label, its annotation or a revision, or the policy. A namespace's label other than "enabled" excludes all
// of its pods, and a pod that refuses is never injected. Of those selected the injector leaves out what the policy says. Pods in the host's
// network and in Kubernetes' own namespaces get none. See
// https://istio.io/latest/docs/setup/additional-setup/sidecar-injection/#controlling-the-injection-policy.
func Decide(c Candidate, p Policy) bool {
	own, says := c.asks()
	switch {
	case c.HostNetwork, IgnoredNamespace(c.Namespace), says && !own, !c.selected(p):
		return false
	case says:
		return true
	case matches(p.Never, c.Labels):
		return false
	default:
		return !p.Disabled || matches(p.Always, c.Labels)
	}
}

// selected reports whether an injector is asked about a candidate that does not refuse.
func (c Candidate) selected(p Policy) bool {
	if injection, labelled := c.NamespaceLabels[NamespaceLabel]; labelled {
		return injection == "enabled"
	}
	if revision, labelled := c.NamespaceLabels[RevisionLabel]; labelled {
		return revision != ""
	}
	asks, _ := c.asks()
	return asks || c.Labels[RevisionLabel] != "" || p.ByDefault
}

// asks returns what the pod says itself. The annotation counts only without the label, whatever the label's value.
func (c Candidate) asks() (value, says bool) {
	text, labelled := c.Labels[Label]
	if !labelled {
		text = c.Annotations[Annotation]
	}
	return ParseBool(text)
}

// ParseBool reads the value of Label or Annotation. Only "true" and "false" say something; known is false for anything else, which the
// injector passes over.
func ParseBool(s string) (value, known bool) { return s == "true", s == "true" || s == "false" }

// IgnoredNamespace reports whether a namespace is Kubernetes' own, where nothing is ever injected.
func IgnoredNamespace(name string) bool {
	switch name {
	case metav1.NamespaceSystem, metav1.NamespacePublic, "kube-node-lease", "local-path-storage":
		return true
	}
	return false
}

func matches(selectors []metav1.LabelSelector, set map[string]string) bool {
	return slices.ContainsFunc(selectors, func(s metav1.LabelSelector) bool {
		selector, err := metav1.LabelSelectorAsSelector(&s)
		return err == nil && !selector.Empty() && selector.Matches(labels.Set(set))
	})
}
