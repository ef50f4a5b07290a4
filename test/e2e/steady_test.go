//go:build linux

package e2e_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/meshctl/meshctl/test/e2e/rig"
	"github.com/meshctl/meshctl/test/fortio"
)

// rate of the load during everything that must not be noticed, in requests a second.
const rate = 100

// TestNoRequestFails shakes the control plane and the cluster under load on the way gateway > productpage > reviews > ratings.
func TestNoRequestFails(t *testing.T) {
	cluster := rig.Node(t)
	nodes, err := cluster.Nodes()
	must(t, err)
	install(t)
	namespace, url := bookinfo(t)
	for _, c := range []struct {
		name string
		do   func(t *testing.T)
	}{
		{"a rolling restart of the control plane", func(t *testing.T) {
			rig.Kubectl(t, "-n", system, "rollout", "restart", "deploy/istiod")
			rig.Kubectl(t, "-n", system, "rollout", "status", "deploy/istiod", "--timeout=60s")
		}},
		{"a control plane that is killed", func(t *testing.T) {
			kill(t, "meshd")
			rig.Eventually(t, time.Minute, func(ctx context.Context) error { return restarted(ctx, t) })
		}},
		{"a restart of the API server", func(t *testing.T) {
			must(t, cluster.Restart(t.Context(), nodes[0], "kube-apiserver"))
			rig.Eventually(t, time.Minute, func(ctx context.Context) error {
				_, err := rig.Try(ctx, "", "kubectl", "get", "--raw", "/readyz")
				return err
			})
		}},
		{"a restart of the kubelet", func(t *testing.T) {
			must(t, cluster.Restart(t.Context(), nodes[0], "kubelet"))
			rig.WaitFor(t, "", "node/"+nodes[0], "condition=Ready", time.Minute)
		}},
		{"rotation of the root", rotateRoot},
	} {
		t.Run(c.name, func(t *testing.T) {
			load := fortio.Start(t, url+"/productpage", rate)
			c.do(t)
			rig.Eventually(t, time.Minute, func(context.Context) error { return inSync(t) })
			if a := load.Stop(); a.Failed() > 0 {
				t.Errorf("%d requests failed: %+v", a.Failed(), a)
			}
		})
	}
	t.Run("another revision and back", func(t *testing.T) {
		load := fortio.Start(t, url+"/productpage", rate)
		move(t, namespace)
		if a := load.Stop(); a.Failed() > 0 {
			t.Errorf("%d requests failed: %+v", a.Failed(), a)
		}
	})
}

// move brings the application's pods to a second control plane, and back to the first one.
func move(t *testing.T, namespace string) {
	mustRun(t, "install", "--profile", "minimal", "--revision", "canary", "--timeout", "2m", "-y")
	for _, labels := range [][]string{{"istio-injection-", "istio.io/rev=canary"}, {"istio.io/rev-", "istio-injection=enabled"}} {
		rig.Kubectl(t, append([]string{"label", "--overwrite", "namespace", namespace}, labels...)...)
		rig.Kubectl(t, "-n", namespace, "rollout", "restart", "deploy")
		for _, d := range strings.Fields(rig.Kubectl(t, "-n", namespace, "get", "deploy", "-o", "name")) {
			rig.Kubectl(t, "-n", namespace, "rollout", "status", d, "--timeout=2m")
		}
		revisions := rig.Kubectl(t, "-n", namespace, "get", "pods", "-o", `jsonpath={.items[*].metadata.labels.istio\.io/rev}`)
		_, want, _ := strings.Cut(labels[len(labels)-1], "istio.io/rev=")
		if want == "" {
			want = "default"
		}
		if !strings.Contains(revisions, want) {
			t.Errorf("pods are of revisions %q, want %s", revisions, want)
		}
	}
	mustRun(t, "uninstall", "--revision", "canary", "-y")
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// kill ends every process of a program at once. The test shares the node's process namespace.
func kill(t *testing.T, program string) {
	t.Helper()
	found := false
	dirs, err := filepath.Glob("/proc/[0-9]*/comm")
	must(t, err)
	for _, dir := range dirs {
		name, err := os.ReadFile(dir)
		if err != nil || strings.TrimSpace(string(name)) != program {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(dir)))
		must(t, err)
		must(t, syscall.Kill(pid, syscall.SIGKILL))
		found = true
	}
	if !found {
		t.Fatalf("no %s runs here", program)
	}
}

// restarted is nil once the control plane's container was started again and is ready.
func restarted(ctx context.Context, t *testing.T) error {
	r, err := rig.Try(ctx, "", "kubectl", "-n", system, "get", "pods", "-l", "app=istiod", "-o", "jsonpath={.items[*].status.containerStatuses[0].restartCount} {.items[*].status.containerStatuses[0].ready}")
	if err == nil && (strings.HasPrefix(r.Stdout, "0 ") || !strings.HasSuffix(r.Stdout, "true")) {
		err = fmt.Errorf("restarts and readiness: %s", r.Stdout)
	}
	return err
}

// rotateRoot plugs in another authority by Istio's procedure: first both roots are trusted, then the new one signs, then it is alone.
func rotateRoot(t *testing.T) {
	old := decode(t, rig.Kubectl(t, "-n", system, "get", "secret", "istio-ca-secret", "-o", `jsonpath={.data.ca-cert\.pem}`))
	oldKey := decode(t, rig.Kubectl(t, "-n", system, "get", "secret", "istio-ca-secret", "-o", `jsonpath={.data.ca-key\.pem}`))
	cert, key := newRoot(t)
	first := signers(t)
	for _, phase := range []struct {
		cert, key, bundle []byte
		another           bool // signs
	}{
		{old, oldKey, append(bytes.Clone(old), cert...), false},
		{cert, key, append(bytes.Clone(cert), old...), true},
		{cert, key, cert, true},
	} {
		rig.Apply(t, system, fmt.Sprintf("apiVersion: v1\nkind: Secret\nmetadata: {name: cacerts}\ndata:\n  ca-cert.pem: %s\n  ca-key.pem: %s\n  cert-chain.pem: %s\n  root-cert.pem: %s\n",
			encode(phase.cert), encode(phase.key), encode(phase.cert), encode(phase.bundle)))
		roots := strings.Count(string(phase.bundle), "BEGIN CERTIFICATE")
		rig.Eventually(t, time.Minute, func(context.Context) error { return renewed(t, roots, first, phase.another) })
	}
}

// certificate is what meshctl says of a proxy's.
type certificate struct {
	Proxy, Signer string
	TrustedRoots  []string
}

// certificates are those of all proxies. A control plane that has just started does not know them all.
func certificates(t *testing.T) (list []certificate) {
	t.Helper()
	rig.Eventually(t, time.Minute, func(context.Context) error {
		r := rig.Meshctl(t, "cert", "list", "-o", "json")
		if r.Code != 0 {
			return errors.New(r.Stdout + r.Stderr)
		}
		list = nil
		must(t, json.Unmarshal([]byte(r.Stdout), &list))
		if len(list) < 7 {
			return fmt.Errorf("%d proxies have certificates", len(list))
		}
		return nil
	})
	return list
}

// inSync is nil when the control plane answers, and every proxy runs what it should.
func inSync(t *testing.T) error {
	r := rig.Meshctl(t, "proxy-status")
	if r.Code != 0 || strings.Contains(r.Stdout, "STALE") || strings.Contains(r.Stdout, "REJECTED") || strings.Contains(r.Stdout, "DISCONNECTED") {
		return errors.New(r.Stdout + r.Stderr)
	}
	return nil
}

func signers(t *testing.T) map[string]bool {
	out := map[string]bool{}
	for _, c := range certificates(t) {
		out[c.Signer] = true
	}
	return out
}

// renewed is nil once every proxy trusts exactly so many roots and has a certificate of the signer wanted: one of the first ones, or another.
func renewed(t *testing.T, roots int, first map[string]bool, another bool) error {
	for _, c := range certificates(t) {
		if len(c.TrustedRoots) != roots || first[c.Signer] == another {
			return fmt.Errorf("%+v", c)
		}
	}
	return nil
}

func newRoot(t *testing.T) (cert, key []byte) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{Organization: []string{"cluster.local"}, CommonName: "another root"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * 365 * time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	must(t, err)
	secret, err := x509.MarshalECPrivateKey(private)
	must(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: secret})
}

func encode(data []byte) string { return base64.StdEncoding.EncodeToString(data) }

func decode(t *testing.T, text string) []byte {
	data, err := base64.StdEncoding.DecodeString(text)
	must(t, err)
	return data
}
