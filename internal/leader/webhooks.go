package leader

import (
	"bytes"
	"context"
	"log/slog"
	"strings"

	admission "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"

	"github.com/meshctl/meshctl/internal/kubeobject"
)

// Webhooks are those that a control plane serves.
type Webhooks struct {
	Client dynamic.Interface
	// Service and Namespace are where the webhooks lead: every configuration with a webhook that leads there is this control plane's,
	// its revision tags included.
	Service, Namespace string
	Trust              Trust
	Log                *slog.Logger
}

// Writer fills in the roots of the webhooks, and has the validating ones fail closed from then on, as Istio does: until the control
// plane can be reached an installation must be able to bring its own configuration.
func (w Webhooks) Writer() Writer {
	return Writer{Name: "webhooks", Run: func(ctx context.Context) error { return (&webhookWriter{Webhooks: w}).run(ctx) }}
}

type webhookWriter struct {
	Webhooks
	mutating, validating watched
}

const (
	mutatingPrefix   = "mutating/"
	validatingPrefix = "validating/"
)

func (w *webhookWriter) run(ctx context.Context) error {
	r := newReconciler("webhooks", w.Log, w.write)
	w.mutating = watch(r, w.mutators(), metav1.ListOptions{}, func(c *admission.MutatingWebhookConfiguration) string {
		return mutatingPrefix + c.Name
	})
	w.validating = watch(r, w.validators(), metav1.ListOptions{}, func(c *admission.ValidatingWebhookConfiguration) string {
		return validatingPrefix + c.Name
	})
	ended := make(chan struct{})
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer close(ended)
		followTrust(ctx, w.Trust, func() {
			for _, name := range w.mutating.store.ListKeys() {
				r.queue.Add(mutatingPrefix + name)
			}
			for _, name := range w.validating.store.ListKeys() {
				r.queue.Add(validatingPrefix + name)
			}
		})
	}()
	defer func() { cancel(); <-ended }()
	return r.run(ctx, w.mutating, w.validating)
}

func (w *webhookWriter) mutators() kubeobject.Objects[admission.MutatingWebhookConfiguration] {
	return kubeobject.In[admission.MutatingWebhookConfiguration](w.Client, admission.SchemeGroupVersion, "")
}

func (w *webhookWriter) validators() kubeobject.Objects[admission.ValidatingWebhookConfiguration] {
	return kubeobject.In[admission.ValidatingWebhookConfiguration](w.Client, admission.SchemeGroupVersion, "")
}

func (w *webhookWriter) write(ctx context.Context, key string) error {
	if name, ok := strings.CutPrefix(key, mutatingPrefix); ok {
		return w.writeMutating(ctx, name)
	}
	return w.writeValidating(ctx, strings.TrimPrefix(key, validatingPrefix))
}

func (w *webhookWriter) writeMutating(ctx context.Context, name string) error {
	before := known[admission.MutatingWebhookConfiguration](w.mutating.store, name)
	if before == nil {
		return nil
	}
	after, changed := before.DeepCopy(), false
	for i := range after.Webhooks {
		changed = w.fill(&after.Webhooks[i].ClientConfig) || changed
	}
	if !changed {
		return nil
	}
	_, err := w.mutators().Update(ctx, after)
	return err
}

func (w *webhookWriter) writeValidating(ctx context.Context, name string) error {
	before := known[admission.ValidatingWebhookConfiguration](w.validating.store, name)
	if before == nil {
		return nil
	}
	after, changed := before.DeepCopy(), false
	for i := range after.Webhooks {
		hook := &after.Webhooks[i]
		if !w.ours(hook.ClientConfig) {
			continue
		}
		changed = w.fill(&hook.ClientConfig) || changed
		if hook.FailurePolicy == nil || *hook.FailurePolicy != admission.Fail {
			fail := admission.Fail
			hook.FailurePolicy, changed = &fail, true
		}
	}
	if !changed {
		return nil
	}
	_, err := w.validators().Update(ctx, after)
	return err
}

func (w *webhookWriter) ours(c admission.WebhookClientConfig) bool {
	return c.Service != nil && c.Service.Name == w.Service && c.Service.Namespace == w.Namespace
}

// fill reports whether it changed something.
func (w *webhookWriter) fill(c *admission.WebhookClientConfig) bool {
	bundle := w.Trust.TrustBundle()
	if !w.ours(*c) || bytes.Equal(c.CABundle, bundle) {
		return false
	}
	c.CABundle = bundle
	return true
}
