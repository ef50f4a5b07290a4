// Package inject decides which pods get a sidecar. It is pure.
package inject

import "strconv"

const (
	// Label of a pod, or of its template, that asks for a sidecar ("true") or refuses one ("false").
	Label = "sidecar.istio.io/inject"
	// Annotation is the older form of Label, which still counts where the label is not set.
	Annotation = "sidecar.istio.io/inject"
	// NamespaceLabel of a namespace: "enabled" or "disabled".
	NamespaceLabel = "istio-injection"
	// RevisionLabel of a namespace or a pod names the control plane that injects.
	RevisionLabel = "istio.io/rev"
)

// Candidate is a pod, or the template of one, that may get a sidecar.
type Candidate struct {
	// Labels and Annotations of the pod; NamespaceLabels of its namespace.
	Labels, Annotations, NamespaceLabels map[string]string
	HostNetwork                          bool
	// ByDefault: namespaces without a label inject (enableNamespacesByDefault of the injector).
	ByDefault bool
}

// Decide reports whether the candidate gets a sidecar. The pod's label counts first, then its namespace, then its
// annotation, which can only refuse or, in a namespace that says nothing, ask. Pods in the host's network get none. See
// https://istio.io/latest/docs/setup/additional-setup/sidecar-injection/#controlling-the-injection-policy.
func Decide(c Candidate) bool {
	if c.HostNetwork {
		return false
	}
	own, says := ParseBool(c.Labels[Label])
	if !says {
		own, says = ParseBool(c.Annotations[Annotation])
	}
	switch {
	case says && !own:
		return false
	case c.NamespaceLabels[NamespaceLabel] == "disabled":
		return false
	case says:
		return true
	case c.Labels[RevisionLabel] != "":
		return true
	case c.NamespaceLabels[NamespaceLabel] == "enabled", c.NamespaceLabels[RevisionLabel] != "":
		return true
	default:
		return c.NamespaceLabels[NamespaceLabel] == "" && c.ByDefault
	}
}

// ParseBool reads a value as YAML 1.1 does, by which Istio reads it: "true", "yes", "on", "y", "1" and their opposites.
// known is false for anything else.
func ParseBool(s string) (value, known bool) {
	switch s {
	case "y", "Y", "yes", "Yes", "YES", "on", "On", "ON":
		return true, true
	case "n", "N", "no", "No", "NO", "off", "Off", "OFF":
		return false, true
	}
	value, err := strconv.ParseBool(s)
	return value, err == nil
}
