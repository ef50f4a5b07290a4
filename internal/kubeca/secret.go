package kubeca

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/meshctl/meshctl/internal/ca"
)

// Names of the Secrets in the system namespace, which are Istio's.
const (
	// PluggedSecret holds an operator's own CA, in the layout of
	// https://istio.io/latest/docs/tasks/security/cert-management/plugin-ca-cert/ or as a Secret of type kubernetes.io/tls. It wins.
	PluggedSecret = "cacerts"
	// OwnSecret holds the root that the control plane made for itself.
	OwnSecret = "istio-ca-secret"
)

// Keys of OwnSecret.
const (
	certKey   = "ca-cert.pem"
	keyKey    = "ca-key.pem"
	bundleKey = "root-cert.pem"
)

// plugged reads an operator's CA.
func plugged(s *corev1.Secret, o ca.Options) (*ca.Authority, error) {
	files := s.Data
	if len(files[certKey]) == 0 && len(files[corev1.TLSCertKey]) > 0 {
		files = map[string][]byte{
			certKey: files[corev1.TLSCertKey], keyKey: files[corev1.TLSPrivateKeyKey], bundleKey: files[corev1.ServiceAccountRootCAKey],
		}
	}
	a, err := ca.ParsePlugged(files, o)
	if err != nil {
		return nil, fmt.Errorf("secret %s/%s: %w", s.Namespace, s.Name, err)
	}
	return a, nil
}

// own reads the mesh's own root.
func own(s *corev1.Secret, o ca.Options) (*ca.Authority, error) {
	a, err := ca.OpenRoot(rootOf(s), s.Data[bundleKey], o)
	if err != nil {
		return nil, fmt.Errorf("secret %s/%s: %w; restore it, or delete it for a new root (workloads then fail to reach each other until each has a new certificate)",
			s.Namespace, s.Name, err)
	}
	return a, nil
}

func rootOf(s *corev1.Secret) ca.Root {
	return ca.Root{Certificate: s.Data[certKey], Key: ca.NewPrivateKey(s.Data[keyKey])}
}

// load reads the authority from the Secrets. Without any it makes a root, and stores it so that of several replicas one wins; a Secret
// that was deleted while its root is in use is stored again.
func (k *Keeper) load(ctx context.Context) (*ca.Authority, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	secrets := k.secrets()
	s, err := secrets.Get(ctx, PluggedSecret)
	if err == nil {
		return plugged(s, k.caOptions())
	}
	if !apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("secret %s/%s: %w", k.o.Namespace, PluggedSecret, err)
	}
	for {
		s, err = secrets.Get(ctx, OwnSecret)
		if apierrors.IsNotFound(err) {
			s, err = k.create(ctx)
		}
		if apierrors.IsAlreadyExists(err) {
			continue // another replica was first: one root for both
		}
		if err != nil {
			return nil, fmt.Errorf("secret %s/%s: %w", k.o.Namespace, OwnSecret, err)
		}
		a, err := own(s, k.caOptions())
		if err == nil {
			k.stored = s.Data
		}
		return a, err
	}
}

func (k *Keeper) create(ctx context.Context) (*corev1.Secret, error) {
	data := k.stored
	if data == nil {
		root, err := ca.NewRoot(k.caOptions())
		if err != nil {
			return nil, err
		}
		data = map[string][]byte{certKey: root.Certificate, keyKey: root.Key.Reveal(), bundleKey: root.Certificate}
	}
	return k.secrets().Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: OwnSecret, Namespace: k.o.Namespace},
		Type:       "istio.io/ca-root",
		Data:       data,
	})
}
