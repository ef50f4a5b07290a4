package leader

import (
	"context"
	"log/slog"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"

	"github.com/meshctl/meshctl/internal/kubeobject"
)

// RootConfigMap is the ConfigMap with the mesh's roots that pods of every namespace mount, RootKey its key; both are Istio's.
const (
	RootConfigMap = "istio-ca-root-cert"
	RootKey       = "root-cert.pem"
)

// Trust is the authority whose roots are handed out; *ca.Authority is one.
type Trust interface {
	// TrustBundle returns the PEM roots.
	TrustBundle() []byte
	// Replaced returns a channel that is closed when they may have changed.
	Replaced() <-chan struct{}
}

// RootCertificates keeps RootConfigMap in every namespace but those of Kubernetes itself, as Istio does.
func RootCertificates(client dynamic.Interface, trust Trust, log *slog.Logger) Writer {
	return Writer{Name: "root certificates", Run: func(ctx context.Context) error {
		return (&rootCertificates{client: client, trust: trust}).run(ctx, log)
	}}
}

type rootCertificates struct {
	client     dynamic.Interface
	trust      Trust
	namespaces watched
	configMaps watched
}

func (w *rootCertificates) run(ctx context.Context, log *slog.Logger) error {
	r := newReconciler("root certificates", log, w.write)
	namespaces := kubeobject.In[corev1.Namespace](w.client, corev1.SchemeGroupVersion, "")
	w.namespaces = watch(r, namespaces, metav1.ListOptions{}, func(n *corev1.Namespace) string { return n.Name })
	w.configMaps = watch(r, w.in(""), kubeobject.Named(RootConfigMap), func(c *corev1.ConfigMap) string { return c.Namespace })
	ended := make(chan struct{})
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer close(ended)
		followTrust(ctx, w.trust, func() {
			for _, name := range w.namespaces.store.ListKeys() {
				r.queue.Add(name)
			}
		})
	}()
	defer func() { cancel(); <-ended }()
	return r.run(ctx, w.namespaces, w.configMaps)
}

func (w *rootCertificates) in(namespace string) kubeobject.Objects[corev1.ConfigMap] {
	return kubeobject.In[corev1.ConfigMap](w.client, corev1.SchemeGroupVersion, namespace)
}

// followTrust calls changed whenever the trust is replaced.
func followTrust(ctx context.Context, trust Trust, changed func()) {
	for {
		replaced := trust.Replaced()
		changed()
		select {
		case <-ctx.Done():
			return
		case <-replaced:
		}
	}
}

// kubernetesOwn are the namespaces without workloads of the mesh; the list is Istio's.
func kubernetesOwn(namespace string) bool {
	return slices.Contains([]string{"kube-system", "kube-public", "kube-node-lease", "local-path-storage"}, namespace)
}

func (w *rootCertificates) write(ctx context.Context, namespace string) error {
	if kubernetesOwn(namespace) {
		return nil
	}
	n := known[corev1.Namespace](w.namespaces.store, namespace)
	if n == nil || n.Status.Phase == corev1.NamespaceTerminating || n.DeletionTimestamp != nil {
		return nil
	}
	want := string(w.trust.TrustBundle())
	maps := w.in(namespace)
	before := known[corev1.ConfigMap](w.configMaps.store, namespace+"/"+RootConfigMap)
	if before == nil {
		_, err := maps.Create(ctx, &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Name: RootConfigMap, Namespace: namespace, Labels: map[string]string{"istio.io/config": "true"}},
			Data:       map[string]string{RootKey: want},
		})
		if apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) || apierrors.IsNotFound(err) {
			return nil
		}
		return err
	}
	if before.Data[RootKey] == want {
		return nil
	}
	after := before.DeepCopy()
	after.Data = cloned(after.Data)
	after.Data[RootKey] = want
	_, err := maps.Update(ctx, after)
	if apierrors.IsNotFound(err) {
		return nil // the news of its end is on the way, and leads back here
	}
	return err
}

func cloned(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return maps.Clone(m)
}
