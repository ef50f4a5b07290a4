package check

import (
	"context"
	"slices"
	"strings"

	admission "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/meshctl/meshctl/pkg/inject"
	"github.com/meshctl/meshctl/pkg/install/client"
)

var (
	mutatingKind   = kind("admissionregistration.k8s.io", "MutatingWebhookConfiguration")
	validatingKind = kind("admissionregistration.k8s.io", "ValidatingWebhookConfiguration")
	namespaceKind  = kind("", "Namespace")
)

// injector is a webhook that puts proxies into pods.
type injector struct {
	configuration string
	admission.MutatingWebhook
}

// injectors returns the webhooks of sidecar injectors: ours, Istio's and Linkerd's, by the names that all of them keep.
func (c *Cluster) injectors(ctx context.Context) ([]injector, error) {
	all, err := typed[admission.MutatingWebhookConfiguration](ctx, c, mutatingKind, client.Selection{})
	if err != nil {
		return nil, err
	}
	var out []injector
	for _, configuration := range all {
		for _, w := range configuration.Webhooks {
			if strings.HasSuffix(w.Name, "sidecar-injector.istio.io") || w.Name == "linkerd-proxy-injector.linkerd.io" {
				out = append(out, injector{configuration.Name, w})
			}
		}
	}
	return out, nil
}

// takes reports whether the API server would ask the injector about a pod with these labels.
func (i injector) takes(namespace, pod map[string]string) bool {
	return selects(i.NamespaceSelector, namespace) && selects(i.ObjectSelector, pod)
}

func selects(s *metav1.LabelSelector, set map[string]string) bool {
	if s == nil {
		return true
	}
	selector, err := metav1.LabelSelectorAsSelector(s)
	return err == nil && selector.Matches(labels.Set(set))
}

// samples are pods as they occur: without a label, asking, and asking for each revision.
func samples(revisions []string) []map[string]string {
	out := []map[string]string{{}, {inject.Label: "true"}}
	for _, r := range revisions {
		out = append(out, map[string]string{inject.RevisionLabel: r}, map[string]string{inject.RevisionLabel: r, inject.Label: "true"})
	}
	return out
}

// asked returns the values of the label of revisions that injectors' selectors name.
func asked(injectors []injector) []string {
	var out []string
	for _, i := range injectors {
		for _, s := range []*metav1.LabelSelector{i.NamespaceSelector, i.ObjectSelector} {
			if s == nil {
				continue
			}
			for _, e := range s.MatchExpressions {
				if e.Key == inject.RevisionLabel && e.Operator == metav1.LabelSelectorOpIn {
					out = append(out, e.Values...)
				}
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// overlap finds pods that two injectors would take. It tries what occurs instead of comparing selectors.
func (c *Cluster) overlap(ctx context.Context) Result {
	injectors, err := c.injectors(ctx)
	if err != nil {
		return unread(err)
	}
	namespaces, err := c.list(ctx, namespaceKind, client.Selection{})
	if err != nil {
		return unread(err)
	}
	var details []string
	pods := samples(asked(injectors))
	for _, n := range namespaces {
		if inject.IgnoredNamespace(n.GetName()) {
			continue
		}
		for _, pod := range pods {
			if by := takers(injectors, n.GetLabels(), pod); len(by) > 1 {
				details = append(details, "namespace "+n.GetName()+", "+described(pod)+": "+strings.Join(by, " and "))
				break
			}
		}
	}
	if len(details) > 0 {
		return found(Error, few(details), "remove one of the configurations, or a label of the namespaces", "two injectors take the same pods in %s", plural(len(details), "namespace", "namespaces"))
	}
	return Result{State: OK}
}

func takers(injectors []injector, namespace, pod map[string]string) []string {
	var by []string
	for _, i := range injectors {
		if i.takes(namespace, pod) && !slices.Contains(by, i.configuration) {
			by = append(by, i.configuration)
		}
	}
	return by
}

func described(pod map[string]string) string {
	if len(pod) == 0 {
		return "pods without labels"
	}
	return "pods with " + labels.Set(pod).String()
}

// webhookClients returns the clients of the mesh's webhooks, by "CONFIGURATION WEBHOOK".
func (c *Cluster) webhookClients(ctx context.Context) (map[string]admission.WebhookClientConfig, error) {
	out := map[string]admission.WebhookClientConfig{}
	injectors, err := c.injectors(ctx)
	if err != nil {
		return nil, err
	}
	for _, i := range injectors {
		if c.ours(i.ClientConfig) {
			out[i.configuration+" "+i.Name] = i.ClientConfig
		}
	}
	all, err := typed[admission.ValidatingWebhookConfiguration](ctx, c, validatingKind, client.Selection{})
	if err != nil {
		return nil, err
	}
	for _, configuration := range all {
		for _, w := range configuration.Webhooks {
			if c.ours(w.ClientConfig) {
				out[configuration.Name+" "+w.Name] = w.ClientConfig
			}
		}
	}
	return out, nil
}

// ours reports whether a webhook is served by a control plane that is to be checked.
func (c *Cluster) ours(w admission.WebhookClientConfig) bool {
	if w.Service == nil || w.Service.Namespace != c.System {
		return false
	}
	revision, ok := strings.CutPrefix(w.Service.Name, "istiod")
	return ok && c.mine(strings.TrimPrefix(revision, "-"))
}

// webhookServices finds webhooks whose Service is gone, such as a tag of a revision that was removed.
func (c *Cluster) webhookServices(ctx context.Context) Result {
	webhooks, err := c.webhookClients(ctx)
	if err != nil {
		return unread(err)
	}
	services, err := typed[corev1.Service](ctx, c, serviceKind, client.Selection{Namespace: c.System})
	if err != nil {
		return unread(err)
	}
	var details []string
	for name, w := range webhooks {
		if !slices.ContainsFunc(services, func(s corev1.Service) bool { return s.Name == w.Service.Name }) {
			details = append(details, name+": Service "+key(w.Service.Namespace, w.Service.Name))
		}
	}
	switch {
	case len(webhooks) == 0:
		return found(Error, nil, "install again with `meshctl install`", "there are no webhooks of the mesh: nothing is injected or validated")
	case len(details) > 0:
		return found(Error, few(details), "move the tag to a revision that exists with `meshctl tag`, or delete the configuration", "%s to a Service that does not exist", plural(len(details), "webhook points", "webhooks point"))
	}
	return good("%s", plural(len(webhooks), "webhook", "webhooks"))
}
