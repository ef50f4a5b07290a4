package kubeca_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	authentication "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshctl/meshctl/internal/ca"
	"github.com/meshctl/meshctl/internal/kubeca"
	"github.com/meshctl/meshctl/internal/kubeobject"
	"github.com/meshctl/meshctl/internal/kubeobject/kubetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func cluster() *kubetest.Cluster {
	return kubetest.New(corev1.SchemeGroupVersion.WithKind("Secret"), authentication.SchemeGroupVersion.WithKind("TokenReview"))
}

func secrets(c *kubetest.Cluster) kubeobject.Objects[corev1.Secret] {
	return kubeobject.In[corev1.Secret](c, corev1.SchemeGroupVersion, "istio-system")
}

// lines is a log that a test reads while it is written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) has(part string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), part)
}

func options(c *kubetest.Cluster, log *lines) kubeca.Options {
	return kubeca.Options{Client: c, Namespace: "istio-system", TrustDomain: "cluster.local", Log: slog.New(slog.NewTextHandler(log, nil))}
}

// keep opens an authority and keeps it until the end of the test's bubble.
func keep(t *testing.T, c *kubetest.Cluster, log *lines) (authority *ca.Authority, end func()) {
	t.Helper()
	k, err := kubeca.Open(t.Context(), options(c, log))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- k.Run(ctx) }()
	synctest.Wait()
	return k.Authority(), func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// plugged is an operator's CA, trusted beside other roots.
func plugged(t *testing.T, others ...string) *corev1.Secret {
	t.Helper()
	root, err := ca.NewRoot(ca.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: kubeca.PluggedSecret, Namespace: "istio-system"}, Data: map[string][]byte{
		"ca-cert.pem": root.Certificate, "ca-key.pem": root.Key.Reveal(), "cert-chain.pem": root.Certificate,
		"root-cert.pem": []byte(string(root.Certificate) + strings.Join(others, "")),
	}}
}

func TestReplicasThatStartAtOnceHaveOneRoot(t *testing.T) {
	c, bundles := cluster(), make(chan string, 8)
	var running sync.WaitGroup
	for range cap(bundles) {
		running.Go(func() {
			k, err := kubeca.Open(t.Context(), options(c, &lines{}))
			if err != nil {
				t.Error(err)
				return
			}
			bundles <- string(k.Authority().TrustBundle())
		})
	}
	running.Wait()
	close(bundles)
	first := <-bundles
	for other := range bundles {
		if other != first {
			t.Error("two roots")
		}
	}
}

func TestOpenWaitsForTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, log := cluster(), &lines{}
		c.Fail(func(string, string) error { return errors.New("connection refused") })
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := kubeca.Open(ctx, options(c, log)); err == nil || !strings.Contains(err.Error(), "connection refused") || !log.has("trying again") {
			t.Error(err)
		}
		began := time.Now()
		time.AfterFunc(time.Second, func() { c.Fail(nil) })
		if _, err := kubeca.Open(t.Context(), options(c, log)); err != nil || time.Since(began) > 3*time.Second {
			t.Error(err, time.Since(began))
		}
	})
}

func TestTheAuthorityFollowsItsSecrets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, log := cluster(), &lines{}
		authority, end := keep(t, c, log)
		own := string(authority.TrustBundle())

		// Its own root is stored again when somebody deletes it.
		at := c.Resource(schema.GroupVersionResource{Version: "v1", Resource: "secrets"}).Namespace("istio-system")
		if err := at.Delete(t.Context(), kubeca.OwnSecret, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if s, err := secrets(c).Get(t.Context(), kubeca.OwnSecret); err != nil || string(s.Data["root-cert.pem"]) != own {
			t.Fatal(s, err)
		}

		// A plugged-in CA wins; the root before is trusted as long as the bundle has it.
		replaced := authority.Replaced()
		both, err := secrets(c).Create(t.Context(), plugged(t, own))
		if err != nil {
			t.Fatal(err)
		}
		<-replaced
		if got := string(authority.TrustBundle()); got != string(both.Data["root-cert.pem"]) || log.has("none of the roots before") {
			t.Errorf("trusts\n%s", got)
		}

		// One that cannot be used is refused by name, and the one before stays; so is what a key does not fit.
		broken := both.DeepCopy()
		broken.Data["ca-key.pem"] = plugged(t).Data["ca-key.pem"]
		if broken, err = secrets(c).Update(t.Context(), broken); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if !log.has("secret istio-system/cacerts") || string(authority.TrustBundle()) != string(both.Data["root-cert.pem"]) {
			t.Error("a broken CA is taken, or nothing is said of it")
		}
		if log.has(string(broken.Data["ca-key.pem"])) {
			t.Error("the log has a key")
		}

		// A root that nobody knew before cuts workloads off: that is said.
		cut := plugged(t)
		cut.ResourceVersion = broken.ResourceVersion
		if _, err := secrets(c).Update(t.Context(), cut); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if string(authority.TrustBundle()) != string(cut.Data["root-cert.pem"]) || !log.has("none of the roots before") {
			t.Error("not replaced, or nothing is said of it")
		}
		end()
	})
}

func TestASecretOfTypeTLSIsPluggedIn(t *testing.T) {
	c, s := cluster(), plugged(t)
	s.Type = corev1.SecretTypeTLS
	s.Data = map[string][]byte{"tls.crt": s.Data["ca-cert.pem"], "tls.key": s.Data["ca-key.pem"], "ca.crt": s.Data["root-cert.pem"]}
	if _, err := secrets(c).Create(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	k, err := kubeca.Open(t.Context(), options(c, &lines{}))
	if err != nil || string(k.Authority().TrustBundle()) != string(s.Data["ca.crt"]) {
		t.Error(err)
	}
}
