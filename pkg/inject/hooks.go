package inject

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// Hook is what one configuration of injector webhooks does with a pod.
type Hook struct {
	// Configuration is the name of the MutatingWebhookConfiguration, Webhook that of the webhook in it which decided.
	Configuration string `json:"configuration"`
	Webhook       string `json:"webhook"`
	// Revision that it injects for, and Tag when the revision is chosen by one.
	Revision string `json:"revision"`
	Tag      string `json:"tag,omitempty"`
	// Selected: the API server asks it. Injected: and it adds the proxy.
	Selected bool `json:"selected"`
	Injected bool `json:"injected"`
	// Reason names the selector, label, value and namespace that decided.
	Reason string `json:"reason"`
}

// Hooks judges a new pod by every configuration of injector webhooks, in the order of their names. policy gives that of the injector of a
// revision.
func Hooks(configurations []*admissionv1.MutatingWebhookConfiguration, c Candidate, policy func(revision string) Policy) []Hook {
	var out []Hook
	for _, configuration := range configurations {
		if !Injects(configuration) {
			continue
		}
		h := Hook{
			Configuration: configuration.Name, Tag: configuration.Labels["istio.io/tag"],
			Revision: cmp.Or(configuration.Labels[RevisionLabel], "default"),
		}
		h.Selected, h.Webhook, h.Reason = c.asked(configuration.Webhooks)
		if h.Selected {
			admitted := Admit(c, policy(h.Revision))
			if h.Injected = admitted.Inject; !admitted.Inject {
				h.Reason = admitted.Reason
			}
		}
		out = append(out, h)
	}
	slices.SortFunc(out, func(a, b Hook) int { return cmp.Compare(a.Configuration, b.Configuration) })
	return out
}

// Injects reports whether webhooks are those of an injector: Istio's end in sidecar-injector.istio.io.
func Injects(configuration *admissionv1.MutatingWebhookConfiguration) bool {
	return slices.ContainsFunc(configuration.Webhooks, func(w admissionv1.MutatingWebhook) bool {
		return strings.HasSuffix(w.Name, "sidecar-injector.istio.io")
	})
}

// asked finds the webhook that selects the pod or, when none does, the one that comes nearest.
func (c Candidate) asked(hooks []admissionv1.MutatingWebhook) (selected bool, name, reason string) {
	nearest := -1
	for _, h := range hooks {
		namespaceReasons, namespaceMisses := c.judge("namespace", h.NamespaceSelector, c.NamespaceLabels)
		podReasons, podMisses := c.judge("pod", h.ObjectSelector, c.Labels)
		misses := slices.Concat(namespaceMisses, podMisses)
		if len(misses) == 0 {
			return true, h.Name, strings.Join(slices.Concat(namespaceReasons, podReasons), " and ")
		}
		rank := len(podMisses)
		for _, miss := range misses { // a label with another value is nearer than none
			if rank += 2; strings.Contains(miss, "has no label") {
				rank++
			}
		}
		if nearest < 0 || rank < nearest || rank == nearest && strings.HasPrefix(h.Name, "namespace.") {
			nearest, name, reason = rank, h.Name, strings.Join(misses, ", and ")
		}
	}
	return false, name, reason + c.hint()
}

// hint helps where the annotation asks in vain: API servers select by labels.
func (c Candidate) hint() string {
	if _, labelled := c.Labels[Label]; labelled || c.Annotations[Annotation] != "true" {
		return ""
	}
	return "; the annotation " + Annotation + " is not seen by selectors: write it as a label, or label the namespace"
}

// judge says which requirements of a selector set labels meet, as far as that is worth telling, and which not.
func (c Candidate) judge(of string, selector *metav1.LabelSelector, set map[string]string) (meets, misses []string) {
	whose := of
	if of == "namespace" {
		whose = "namespace " + cmp.Or(c.Namespace, "default")
	}
	parsed, err := metav1.LabelSelectorAsSelector(selector)
	if selector == nil {
		return nil, nil
	}
	if err != nil {
		return nil, []string{fmt.Sprintf("the %s selector cannot be read: %v", of, err)}
	}
	requirements, _ := parsed.Requirements()
	for _, r := range requirements {
		value, has := set[r.Key()]
		is := fmt.Sprintf("%s has no label %s", whose, r.Key())
		if has {
			is = fmt.Sprintf("%s has label %s=%s", whose, r.Key(), value)
		}
		switch {
		case !r.Matches(labels.Set(set)):
			misses = append(misses, fmt.Sprintf("%s, where %s %s is selected", is, of, text(r)))
		case has:
			meets = append(meets, is)
		}
	}
	if len(misses) == 0 && len(meets) == 0 && len(requirements) > 0 {
		meets = []string{whose + " has none of the labels that exclude it"}
	}
	return meets, misses
}

// text writes a requirement as people read selectors.
func text(r labels.Requirement) string {
	if r.Operator() == "!" {
		return "without label " + r.Key()
	}
	return "label " + r.String()
}
