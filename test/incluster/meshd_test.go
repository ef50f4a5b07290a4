package incluster_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	securityv1alpha1 "istio.io/api/security/v1alpha1"
	authentication "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/meshctl/meshctl/internal/ca"
	"github.com/meshctl/meshctl/internal/incluster"
	"github.com/meshctl/meshctl/internal/kubeca"
	"github.com/meshctl/meshctl/internal/leader"
)

// replica is a running meshd.
type replica struct {
	xds, webhook, monitoring string
	stop                     func()
}

func start(t *testing.T, system, instance string) *replica {
	return startRevision(t, system, instance, "")
}

func startRevision(t *testing.T, system, instance, revision string) *replica {
	t.Helper()
	access, err := shared.Config("admin", "system:masters")
	if err != nil {
		t.Fatal(err)
	}
	o := incluster.Options{
		Cluster: access, ClusterName: "test", SystemNamespace: system, Instance: instance, Revision: revision, Drain: -1,
		Log: slog.New(slog.NewTextHandler(writer{t}, nil)),
	}
	r := &replica{}
	for _, l := range []struct {
		to      *net.Listener
		address *string
	}{{&o.XDS, &r.xds}, {&o.Webhook, &r.webhook}, {&o.Monitoring, &r.monitoring}} {
		if *l.to, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		*l.address = (*l.to).Addr().String()
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- incluster.Run(ctx, o) }()
	stopped := false
	r.stop = func() {
		if cancel(); stopped {
			return
		}
		stopped = true
		if err := <-ended; err != nil {
			t.Errorf("meshd %s: %v", instance, err)
		}
	}
	t.Cleanup(r.stop)
	eventually(t, "meshd "+instance+" is ready", func() error { _, err := r.get("/ready"); return err })
	return r
}

type writer struct{ t *testing.T }

func (w writer) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

func (r *replica) get(path string) (string, error) {
	response, err := http.Get("http://" + r.monitoring + path)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, body)
	}
	return string(body), err
}

// eventually waits for something that the API server tells nobody here.
func eventually(t *testing.T, what string, check func() error) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(30 * time.Second)
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not in time: %v", what, err)
		}
	}
}

func client(t *testing.T) kubernetes.Interface {
	t.Helper()
	access, err := shared.Config("admin", "system:masters")
	if err != nil {
		t.Fatal(err)
	}
	c, err := kubernetes.NewForConfig(access)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func namespace(t *testing.T, c kubernetes.Interface, name string) {
	t.Helper()
	_, err := c.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

// root waits for the roots that a namespace is told.
func root(t *testing.T, c kubernetes.Interface, namespace, want string) string {
	t.Helper()
	var got string
	eventually(t, "roots of "+namespace, func() error {
		m, err := c.CoreV1().ConfigMaps(namespace).Get(t.Context(), leader.RootConfigMap, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if got = m.Data[leader.RootKey]; got == "" || want != "" && got != want {
			return fmt.Errorf("it has %q", got)
		}
		return nil
	})
	return got
}

// certificate gets one for a service account by a token of an audience.
func (r *replica) certificate(t *testing.T, c kubernetes.Interface, roots, namespace, audience string) ([]string, error) {
	t.Helper()
	token, err := c.CoreV1().ServiceAccounts(namespace).CreateToken(t.Context(), "web", &authentication.TokenRequest{
		Spec: authentication.TokenRequestSpec{Audiences: []string{audience}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	id := ca.Identity{TrustDomain: "cluster.local", Namespace: namespace, ServiceAccount: "web"}
	_, request, err := ca.NewRequest(id)
	if err != nil {
		t.Fatal(err)
	}
	secure := ca.ClientTLS(ca.TLSOptions{Bundle: func() []byte { return []byte(roots) }, ServerName: "istiod.meshd-system.svc"})
	conn, err := grpc.NewClient(r.xds, grpc.WithTransportCredentials(credentials.NewTLS(secure)))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+token.Status.Token)
	answer, err := securityv1alpha1.NewIstioCertificateServiceClient(conn).CreateCertificate(ctx, &securityv1alpha1.IstioCertificateRequest{Csr: string(request)})
	return answer.GetCertChain(), err
}

// TestControlPlaneInACluster follows two replicas through what a mesh's life brings.
func TestControlPlaneInACluster(t *testing.T) {
	const system = "meshd-system"
	c := client(t)
	namespace(t, c, system)
	namespace(t, c, "early")
	if err := shared.Apply(t.Context(), []byte(webhooks)); err != nil {
		t.Fatal(err)
	}
	a := start(t, system, "a")
	b := start(t, system, "b")
	roots := root(t, c, "early", "")
	namespace(t, c, "late")
	root(t, c, "late", roots)
	leaders(t, 1, a, b)
	filled(t, c, roots)

	if _, err := c.CoreV1().ServiceAccounts("late").Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "web"}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, r := range []*replica{a, b} {
		chain, err := r.certificate(t, c, roots, "late", "istio-ca")
		if err != nil || len(chain) != 2 || chain[1] != roots {
			t.Fatal(len(chain), err)
		}
		if _, err := r.certificate(t, c, roots, "late", "somebody-else"); err == nil {
			t.Error("a token of another audience is accepted")
		}
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM([]byte(roots))
		conn, err := tls.Dial("tcp", r.webhook, &tls.Config{RootCAs: pool, ServerName: "istiod." + system + ".svc"})
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
	// What somebody breaks is repaired; when the leader goes, the other one does it.
	for _, r := range []*replica{nil, a} {
		if r != nil {
			r.stop()
		}
		if err := c.CoreV1().ConfigMaps("late").Delete(t.Context(), leader.RootConfigMap, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		root(t, c, "late", roots)
	}
	plugIn(t, c, system, roots)
	both := root(t, c, "late", "")
	eventually(t, "the plugged-in roots", func() error {
		if both = root(t, c, "late", ""); strings.Count(both, "BEGIN") != 2 {
			return fmt.Errorf("%d roots", strings.Count(both, "BEGIN"))
		}
		return nil
	})
	filled(t, c, both)
	chain, err := b.certificate(t, c, roots, "late", "istio-ca")
	if err == nil {
		t.Fatalf("a client that trusts the old root alone accepts the new serving certificate: %d", len(chain))
	}
	if _, err := b.certificate(t, c, both, "late", "istio-ca"); err != nil {
		t.Fatal(err)
	}
}

// plugIn stores an operator's CA whose bundle holds the root before too.
func plugIn(t *testing.T, c kubernetes.Interface, system, before string) {
	t.Helper()
	next, err := ca.NewRoot(ca.Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.CoreV1().Secrets(system).Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: kubeca.PluggedSecret},
		Data: map[string][]byte{
			"ca-cert.pem": next.Certificate, "ca-key.pem": next.Key.Reveal(), "root-cert.pem": append(next.Certificate, before...), "cert-chain.pem": next.Certificate,
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

// leaders waits until so many of the replicas lead.
func leaders(t *testing.T, want int, replicas ...*replica) {
	t.Helper()
	eventually(t, "leaders", func() error {
		n := 0
		for _, r := range replicas {
			text, err := r.get("/metrics")
			if err != nil {
				return err
			}
			if strings.Contains(text, "\npilot_leader 1\n") {
				n++
			}
		}
		if n != want {
			return fmt.Errorf("%d replicas lead", n)
		}
		return nil
	})
}

// filled waits until the webhooks have roots and the validating one fails closed. Those of others stay as they are.
func filled(t *testing.T, c kubernetes.Interface, roots string) {
	t.Helper()
	api := c.AdmissionregistrationV1()
	eventually(t, "webhooks", func() error {
		m, err := api.MutatingWebhookConfigurations().Get(t.Context(), "meshd-injector", metav1.GetOptions{})
		if err != nil {
			return err
		}
		v, err := api.ValidatingWebhookConfigurations().Get(t.Context(), "meshd-validator", metav1.GetOptions{})
		if err != nil {
			return err
		}
		switch {
		case string(m.Webhooks[0].ClientConfig.CABundle) != roots || string(v.Webhooks[0].ClientConfig.CABundle) != roots:
			return fmt.Errorf("no roots yet")
		case len(m.Webhooks[1].ClientConfig.CABundle) > 0:
			t.Fatal("somebody else's webhook was written")
		case *v.Webhooks[0].FailurePolicy != "Fail":
			return fmt.Errorf("failurePolicy %s", *v.Webhooks[0].FailurePolicy)
		}
		return nil
	})
}

// webhooks match nothing that other tests make.
const webhooks = `apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: meshd-injector}
webhooks:
- name: ours.example.com
  clientConfig: {service: {name: istiod, namespace: meshd-system, path: /inject}}
  namespaceSelector: {matchLabels: {meshd-test: "yes"}}
  admissionReviewVersions: [v1]
  sideEffects: None
- name: theirs.example.com
  clientConfig: {service: {name: istiod, namespace: elsewhere, path: /inject}}
  namespaceSelector: {matchLabels: {meshd-test: "yes"}}
  admissionReviewVersions: [v1]
  sideEffects: None
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: meshd-validator}
webhooks:
- name: ours.example.com
  clientConfig: {service: {name: istiod, namespace: meshd-system, path: /validate}}
  namespaceSelector: {matchLabels: {meshd-test: "yes"}}
  failurePolicy: Ignore
  admissionReviewVersions: [v1]
  sideEffects: None
`
