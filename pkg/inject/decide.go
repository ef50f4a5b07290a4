// Package inject decides which pods get a sidecar, says why, and adds it to them. It is pure.
package inject

import (
	"strconv"

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
	// deployedLabel is on pods that the control plane deploys for Gateways of the Gateway API, gatewayLabel names them.
	deployedLabel = "gateway.istio.io/managed"
	gatewayLabel  = "gateway.networking.k8s.io/gateway-name"
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

// Verdict says whether a pod gets a sidecar, and what decided.
type Verdict struct {
	Inject bool
	// Reason is one clause that names the label, annotation, selector or field that decided, with its value.
	Reason string
}

// Decide reports whether the candidate gets a sidecar, see Explain.
func Decide(c Candidate, p Policy) bool { return Explain(c, p).Inject }

// Explain says whether the candidate gets a sidecar. What selects it for an injector: its namespace by a label or, where the namespace
// has none, the pod itself by its label, its annotation or a revision, or the policy. A namespace's label other than "enabled" excludes all
// of its pods, and a pod that refuses is never injected. Of those selected the injector leaves out what the policy says. Pods in the host's
// network and in Kubernetes' own namespaces get none. See
// https://istio.io/latest/docs/setup/additional-setup/sidecar-injection/#controlling-the-injection-policy.
func Explain(c Candidate, p Policy) Verdict {
	own, says := c.asks()
	if c.HostNetwork || IgnoredNamespace(c.Namespace) || says && !own {
		return Admit(c, p)
	}
	selected, why := c.selected(p)
	if !selected {
		return Verdict{false, why}
	}
	admitted := Admit(c, p)
	if admitted.Inject && !says {
		admitted.Reason = why
	}
	return admitted
}

// Admit is what an injector itself decides about a pod that selectors have brought to it.
func Admit(c Candidate, p Policy) Verdict {
	own, says := c.asks()
	switch {
	case c.HostNetwork:
		return Verdict{false, "the pod uses the host's network (spec.hostNetwork), where redirection would catch the whole node"}
	case IgnoredNamespace(c.Namespace):
		return Verdict{false, "namespace " + c.Namespace + " is one of Kubernetes' own"}
	case says && !own && Deployed(c.Labels):
		return Verdict{false, "the control plane deploys it for Gateway " + c.Labels[gatewayLabel] + ", with the proxy in it"}
	case says:
		return Verdict{own, "the pod's " + c.form() + " says " + Label + "=" + strconv.FormatBool(own)}
	}
	if s := match(p.Never, c.Labels); s != "" {
		return Verdict{false, "the pod's labels match neverInjectSelector " + s}
	}
	if s := match(p.Always, c.Labels); s != "" {
		return Verdict{true, "the pod's labels match alwaysInjectSelector " + s}
	}
	if p.Disabled {
		return Verdict{false, "the injector's policy is disabled, and the pod does not ask"}
	}
	return Verdict{true, "the injector's policy is enabled"}
}

// selected reports whether an injector is asked about a candidate that does not refuse, and what decides that.
func (c Candidate) selected(p Policy) (bool, string) {
	if injection, labelled := c.NamespaceLabels[NamespaceLabel]; labelled {
		return injection == "enabled", "namespace label " + NamespaceLabel + "=" + injection
	}
	if revision, labelled := c.NamespaceLabels[RevisionLabel]; labelled {
		return revision != "", "namespace label " + RevisionLabel + "=" + revision
	}
	asks, _ := c.asks()
	switch {
	case asks:
		return true, "pod " + c.form() + " " + Label + "=true"
	case c.Labels[RevisionLabel] != "":
		return true, "pod label " + RevisionLabel + "=" + c.Labels[RevisionLabel]
	case p.ByDefault:
		return true, "namespaces without a label inject (enableNamespacesByDefault)"
	}
	return false, "the namespace has neither " + NamespaceLabel + " nor " + RevisionLabel + ", and the pod does not ask"
}

// asks returns what the pod says itself. The annotation counts only without the label, whatever the label's value.
func (c Candidate) asks() (value, says bool) {
	text, labelled := c.Labels[Label]
	if !labelled {
		text = c.Annotations[Annotation]
	}
	return ParseBool(text)
}

// form is what the pod says it with.
func (c Candidate) form() string {
	if _, labelled := c.Labels[Label]; labelled {
		return "label"
	}
	return "annotation"
}

// Deployed reports whether labels are those of a pod that the control plane deploys for a Gateway of the Gateway API, with a proxy in it.
func Deployed(labels map[string]string) bool { return labels[deployedLabel] != "" }

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

// match returns the first of the selectors that selects something and matches, as text; empty when none does.
func match(selectors []metav1.LabelSelector, set map[string]string) string {
	for _, s := range selectors {
		selector, err := metav1.LabelSelectorAsSelector(&s)
		if err == nil && !selector.Empty() && selector.Matches(labels.Set(set)) {
			return selector.String()
		}
	}
	return ""
}
