package leader_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	admission "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/meshctl/meshctl/internal/kubeobject"
	"github.com/meshctl/meshctl/internal/leader"
)

// trust has roots that a test replaces.
type trust struct {
	mu       sync.Mutex
	roots    string
	replaced chan struct{}
}

func (r *trust) TrustBundle() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return []byte(r.roots)
}

func (r *trust) Replaced() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.replaced
}

func (r *trust) replace(roots string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.replaced)
	r.roots, r.replaced = roots, make(chan struct{})
}

// settle lets a second of the test's clock pass: caches look that often whether they are complete.
func settle() {
	time.Sleep(time.Second)
	synctest.Wait()
}

// run runs a writer until the end function is called.
func run(t *testing.T, w leader.Writer) (end func()) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	settle()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func create[T any](t *testing.T, in kubeobject.Objects[T], o *T) {
	t.Helper()
	if _, err := in.Create(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	settle()
}

func namespace(name string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

func TestRootsAreInEveryNamespace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, roots := cluster(), &trust{roots: "one", replaced: make(chan struct{})}
		namespaces := kubeobject.In[corev1.Namespace](c, corev1.SchemeGroupVersion, "")
		create(t, namespaces, namespace("early"))
		create(t, namespaces, namespace("kube-system"))
		ending := namespace("ending")
		ending.Status.Phase = corev1.NamespaceTerminating
		create(t, namespaces, ending)
		end := run(t, leader.RootCertificates(c, roots, slog.New(slog.DiscardHandler)))
		create(t, namespaces, namespace("late"))
		has := func(in, want string) {
			t.Helper()
			m, err := kubeobject.In[corev1.ConfigMap](c, corev1.SchemeGroupVersion, in).Get(t.Context(), leader.RootConfigMap)
			switch {
			case want == "" && !apierrors.IsNotFound(err):
				t.Errorf("%s has roots: %v", in, err)
			case want != "" && (err != nil || m.Data[leader.RootKey] != want):
				t.Errorf("%s has %v, %v", in, m, err)
			}
		}
		for in, want := range map[string]string{"early": "one", "late": "one", "kube-system": "", "ending": ""} {
			has(in, want)
		}
		// What somebody changes is put right, and what else is in there stays.
		maps := kubeobject.In[corev1.ConfigMap](c, corev1.SchemeGroupVersion, "late")
		m, err := maps.Get(t.Context(), leader.RootConfigMap)
		if err != nil {
			t.Fatal(err)
		}
		m.Data = map[string]string{leader.RootKey: "forged", "theirs": "kept"}
		if _, err := maps.Update(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		settle()
		has("late", "one")
		// The server is away as the roots change: they come later.
		c.Fail(func(verb, _ string) error {
			if verb == "update" {
				return errors.New("away")
			}
			return nil
		})
		roots.replace("two")
		time.Sleep(time.Second)
		has("early", "one")
		c.Fail(nil)
		time.Sleep(time.Minute)
		has("early", "two")
		has("late", "two")
		if m, err := maps.Get(t.Context(), leader.RootConfigMap); err != nil || m.Data["theirs"] != "kept" {
			t.Error(m, err)
		}
		end()
	})
}

func TestWebhooksOfThisControlPlaneAreFilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, roots := cluster(), &trust{roots: "one", replaced: make(chan struct{})}
		ignore := admission.Ignore
		to := func(service string) admission.WebhookClientConfig {
			return admission.WebhookClientConfig{Service: &admission.ServiceReference{Name: service, Namespace: "istio-system"}}
		}
		mutating := kubeobject.In[admission.MutatingWebhookConfiguration](c, admission.SchemeGroupVersion, "")
		validating := kubeobject.In[admission.ValidatingWebhookConfiguration](c, admission.SchemeGroupVersion, "")
		create(t, validating, &admission.ValidatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "v"}, Webhooks: []admission.ValidatingWebhook{
			{Name: "ours", ClientConfig: to("istiod"), FailurePolicy: &ignore}, {Name: "canary", ClientConfig: to("istiod-canary"), FailurePolicy: &ignore},
		}})
		w := leader.Webhooks{Client: c, Service: "istiod", Namespace: "istio-system", Trust: roots, Log: slog.New(slog.DiscardHandler)}
		end := run(t, w.Writer())
		create(t, mutating, &admission.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "m"}, Webhooks: []admission.MutatingWebhook{
			{Name: "ours", ClientConfig: to("istiod")}, {Name: "canary", ClientConfig: to("istiod-canary")}, {Name: "url"},
		}})
		check := func(want string) {
			t.Helper()
			m, err := mutating.Get(t.Context(), "m")
			if err != nil {
				t.Fatal(err)
			}
			v, err := validating.Get(t.Context(), "v")
			if err != nil {
				t.Fatal(err)
			}
			got := fmt.Sprintf("%s %s%s, %s %s %s%s", m.Webhooks[0].ClientConfig.CABundle, m.Webhooks[1].ClientConfig.CABundle, m.Webhooks[2].ClientConfig.CABundle,
				v.Webhooks[0].ClientConfig.CABundle, *v.Webhooks[0].FailurePolicy, v.Webhooks[1].ClientConfig.CABundle, *v.Webhooks[1].FailurePolicy)
			if got != want {
				t.Errorf("%q, not %q", got, want)
			}
		}
		check("one , one Fail Ignore")
		roots.replace("two")
		settle()
		check("two , two Fail Ignore")
		end()
	})
}
