package workloads

import (
	"fmt"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/inject"
)

// rule is one webhook that injects.
type rule struct {
	object *config.Object
	index  int
	admissionv1.MutatingWebhook
}

func (r rule) name() string { return r.object.Key.Name + "/" + r.Name }

// injectionRules lists the webhooks of every configuration that belongs to a mesh.
func injectionRules(p *analyze.Pass) []rule {
	var out []rule
	for _, o := range p.All(config.MutatingWebhook) {
		hooks, ok := o.Spec.(*admissionv1.MutatingWebhookConfiguration)
		if !ok {
			continue
		}
		ours := len(revisions(o, hooks)) > 0 || slices.ContainsFunc(hooks.Webhooks, func(w admissionv1.MutatingWebhook) bool { return strings.HasSuffix(w.Name, "istio.io") })
		for i, w := range hooks.Webhooks {
			if ours {
				out = append(out, rule{o, i, w})
			}
		}
	}
	return out
}

// revisions are those that a configuration injects for.
func revisions(o *config.Object, hooks *admissionv1.MutatingWebhookConfiguration) []string {
	var out []string
	if r := o.Meta.Labels[inject.RevisionLabel]; r != "" {
		out = append(out, r)
	}
	for _, w := range hooks.Webhooks {
		for _, s := range []*metav1.LabelSelector{w.NamespaceSelector, w.ObjectSelector} {
			if s == nil {
				continue
			}
			if r := s.MatchLabels[inject.RevisionLabel]; r != "" {
				out = append(out, r)
			}
			for _, e := range s.MatchExpressions {
				if e.Key == inject.RevisionLabel {
					out = append(out, e.Values...)
				}
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// servedRevisions are those for which the input has an injector.
func servedRevisions(p *analyze.Pass) []string {
	var out []string
	for _, o := range p.All(config.MutatingWebhook) {
		if hooks, ok := o.Spec.(*admissionv1.MutatingWebhookConfiguration); ok {
			out = append(out, revisions(o, hooks)...)
		}
	}
	return out
}

func matchesSelector(selector *metav1.LabelSelector, set map[string]string) bool {
	if selector == nil { // as Kubernetes documents: everything
		return true
	}
	s, err := metav1.LabelSelectorAsSelector(selector)
	return err == nil && s.Matches(labels.Set(set))
}

func webhookRules() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "webhook-rules",
		Doc:   "injectors that overlap, or that nobody answers for",
		Codes: []codes.Code{codes.InvalidWebhook},
		Kinds: []config.Kind{config.MutatingWebhook, config.Service},
		Run: func(p *analyze.Pass) {
			rules := injectionRules(p)
			for _, r := range rules {
				if others := overlapping(r, rules); len(others) > 0 {
					p.Report(analyze.Finding{
						Code: codes.InvalidWebhook, Object: r.object, Field: fmt.Sprintf("webhooks[%d].name", r.index),
						Message: fmt.Sprintf("%s selects pods that %s also select: they are injected twice", r.Name, strings.Join(others, " and ")),
						Fix:     "make the selectors exclude each other, or remove what an older installation left",
					})
				}
				judgeService(p, r)
			}
		},
	}
}

func judgeService(p *analyze.Pass, r rule) {
	service := r.ClientConfig.Service
	if service == nil {
		return
	}
	key := config.Key{Kind: config.Service, Namespace: service.Namespace, Name: service.Name}
	switch {
	case p.Get(key) != nil:
	case !p.Knows(config.Service):
		p.Open(codes.InvalidWebhook, r.object, key.String(), config.Service)
	default:
		p.Report(analyze.Finding{
			Code: codes.InvalidWebhook, Object: r.object, Field: fmt.Sprintf("webhooks[%d].clientConfig.service", r.index),
			Message: fmt.Sprintf("%s asks the control plane at %s/%s, which does not exist: pods are not injected, or not even made", r.Name, service.Namespace, service.Name),
			Fix:     "install that control plane, or remove the webhook",
		})
	}
}

// overlapping returns the names of the other rules that select, of some namespace and pod that people label, what r
// selects.
func overlapping(r rule, rules []rule) []string {
	var out []string
	for _, other := range rules {
		if other.name() == r.name() || slices.Contains(out, other.name()) {
			continue
		}
		if overlap(r, other) {
			out = append(out, other.name())
		}
	}
	return out
}

func overlap(a, b rule) bool {
	known := slices.Concat(ruleRevisions(a), ruleRevisions(b))
	for _, namespace := range labelled(inject.NamespaceLabel, []string{"enabled", "disabled"}, known) {
		if !matchesSelector(a.NamespaceSelector, namespace) || !matchesSelector(b.NamespaceSelector, namespace) {
			continue
		}
		for _, pod := range labelled(inject.Label, []string{"true", "false"}, known) {
			if matchesSelector(a.ObjectSelector, pod) && matchesSelector(b.ObjectSelector, pod) {
				return true
			}
		}
	}
	return false
}

func ruleRevisions(r rule) []string {
	hooks, _ := r.object.Spec.(*admissionv1.MutatingWebhookConfiguration)
	return revisions(r.object, hooks)
}

// labelled lists the sets of labels that people choose from: the label with one of its values or without it, each with
// every revision or without one.
func labelled(label string, values, revisions []string) []map[string]string {
	var out []map[string]string
	for _, revision := range append([]string{""}, revisions...) {
		for _, value := range append([]string{""}, values...) {
			set := map[string]string{}
			if value != "" {
				set[label] = value
			}
			if revision != "" {
				set[inject.RevisionLabel] = revision
			}
			out = append(out, set)
		}
	}
	return out
}
