package check

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshctl/meshctl/pkg/install/client"
)

var (
	secretKind    = kind("", "Secret")
	configMapKind = kind("", "ConfigMap")
)

const (
	rootConfigMap = "istio-ca-root-cert"
	rootKey       = "root-cert.pem"
	// soon is how long before its end a certificate is warned of.
	soon = 30 * 24 * time.Hour
)

// authoritySecret returns the Secret of the authority: the one that was plugged in goes before the own one. Nil when there is none.
func (c *Cluster) authoritySecret(ctx context.Context) (*corev1.Secret, error) {
	for _, name := range []string{"cacerts", "istio-ca-secret"} {
		u, err := c.Client.Get(ctx, client.Ref{GroupVersionKind: secretKind, Namespace: c.System, Name: name})
		if err != nil {
			return nil, err
		}
		if u != nil {
			secrets, err := convert[corev1.Secret]([]unstructured.Unstructured{*u})
			if err != nil {
				return nil, err
			}
			return &secrets[0], nil
		}
	}
	return nil, nil
}

func (c *Cluster) authority(ctx context.Context) Result {
	secret, err := c.authoritySecret(ctx)
	if err != nil {
		return unread(err)
	}
	if secret == nil {
		return found(Error, nil, "see the log of the control plane, which makes one when it starts", "namespace %s has neither Secret cacerts nor istio-ca-secret", c.System)
	}
	worst, first := OK, time.Time{}
	var details []string
	for _, name := range []string{"ca-cert.pem", "cert-chain.pem", rootKey} {
		for _, cert := range certificates(secret.Data[name]) {
			if first.IsZero() || cert.NotAfter.Before(first) {
				first = cert.NotAfter
			}
			state, text := expiry(cert, c.Now)
			if state != OK {
				details = append(details, name+" ("+cert.Subject.String()+") "+text)
				if rank(state) > rank(worst) {
					worst = state
				}
			}
		}
	}
	switch {
	case first.IsZero():
		return found(Error, nil, "put certificates in PEM into ca-cert.pem, cert-chain.pem and root-cert.pem", "Secret %s/%s holds no certificates", c.System, secret.Name)
	case worst != OK:
		details = slices.Compact(few(details))
		return found(worst, details, "replace the certificates in Secret "+key(c.System, secret.Name)+" before they end; the mesh takes new ones without a restart", "certificates of the authority end soon, or have")
	}
	return good("Secret %s/%s, until %s", c.System, secret.Name, first.UTC().Format(time.DateOnly))
}

func expiry(cert *x509.Certificate, now time.Time) (State, string) {
	left := cert.NotAfter.Sub(now)
	switch {
	case left <= 0:
		return Error, "ended on " + cert.NotAfter.UTC().Format(time.DateOnly)
	case left < soon:
		return Warning, "ends on " + cert.NotAfter.UTC().Format(time.DateOnly) + ", in " + plural(int(left.Hours()/24), "day", "days")
	case cert.NotBefore.After(now):
		return Error, "is not valid before " + cert.NotBefore.UTC().Format(time.RFC3339)
	}
	return OK, ""
}

// certificates reads PEM; what is no certificate is passed over.
func certificates(data []byte) []*x509.Certificate {
	var out []*x509.Certificate
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			return out
		}
		if cert, err := x509.ParseCertificate(block.Bytes); err == nil {
			out = append(out, cert)
		}
	}
}

// covers reports whether a bundle has any of the roots, by their content: bundles differ in order and spaces.
func covers(bundle []byte, roots []*x509.Certificate) bool {
	return slices.ContainsFunc(certificates(bundle), func(have *x509.Certificate) bool {
		return slices.ContainsFunc(roots, func(root *x509.Certificate) bool { return bytes.Equal(have.Raw, root.Raw) })
	})
}

// roots returns the roots of the mesh, as the control plane gives them to namespaces.
func (c *Cluster) roots(ctx context.Context) ([]*x509.Certificate, error) {
	all, err := c.rootMaps(ctx)
	if err != nil {
		return nil, err
	}
	return certificates([]byte(all[c.System])), nil
}

// rootMaps returns the bundles by namespace.
func (c *Cluster) rootMaps(ctx context.Context) (map[string]string, error) {
	all, err := c.named(ctx, rootConfigMap)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, m := range all {
		out[m.Namespace] = m.Data[rootKey]
	}
	return out, nil
}

func (c *Cluster) named(ctx context.Context, name string) ([]corev1.ConfigMap, error) {
	items, err := c.Client.List(ctx, configMapKind, client.Selection{Fields: "metadata.name=" + name})
	if err != nil {
		return nil, err
	}
	return convert[corev1.ConfigMap](items)
}

func (c *Cluster) webhookCA(ctx context.Context) Result {
	roots, err := c.roots(ctx)
	if err != nil {
		return unread(err)
	}
	if len(roots) == 0 {
		return found(Error, nil, "see the log of the control plane, whose leader writes it", "ConfigMap %s/%s holds no root", c.System, rootConfigMap)
	}
	webhooks, err := c.webhookClients(ctx)
	if err != nil {
		return unread(err)
	}
	var details []string
	for name, w := range webhooks {
		switch {
		case len(w.CABundle) == 0:
			details = append(details, name+" has no caBundle")
		case !covers(w.CABundle, roots):
			details = append(details, name+" has another root")
		}
	}
	if len(details) > 0 {
		return found(Error, few(details), "the leader of the control planes writes it: see their log, and who else writes the configurations", "the API server cannot call %s, for want of the mesh's root", plural(len(details), "webhook", "webhooks"))
	}
	return Result{State: OK}
}

// rootConfigMaps looks at the namespaces in which there are proxies: they cannot start without the root.
func (c *Cluster) rootConfigMaps(ctx context.Context) Result {
	maps, err := c.rootMaps(ctx)
	if err != nil {
		return unread(err)
	}
	roots := certificates([]byte(maps[c.System]))
	pods, err := c.meshed(ctx)
	if err != nil {
		return unread(err)
	}
	var details []string
	for _, p := range pods {
		text, there := maps[p.Namespace]
		switch {
		case slices.ContainsFunc(details, func(d string) bool { return strings.HasPrefix(d, "namespace "+p.Namespace+" ") }):
		case !there:
			details = append(details, "namespace "+p.Namespace+" has none")
		case !covers([]byte(text), roots):
			details = append(details, "namespace "+p.Namespace+" has another root")
		}
	}
	if len(details) > 0 {
		return found(Error, few(details), "the leader of the control planes writes them: see their log", "ConfigMap %s is missing or of another mesh in %s", rootConfigMap, plural(len(details), "namespace", "namespaces"))
	}
	return Result{State: OK}
}
