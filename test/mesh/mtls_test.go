package mesh_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const echoService = `apiVersion: v1
kind: Service
metadata: {name: echo}
spec:
  selector: {app: echo}
  ports: [{name: http, port: 8000}]
`

// TestIdentity looks at who workloads are to each other, and at what becomes of those who are nobody.
func TestIdentity(t *testing.T) {
	t.Parallel()
	m := startDemo(t)
	m.put("strict.yaml", m.text("peer-authentication-strict.yaml"))
	m.put("echo.yaml", echoService)
	m.httpWorkload("echo-v1", "echo", "v1", 8000, http.StatusOK)
	t.Run("receiver sees the caller", func(t *testing.T) { m.in(t).callerSeen() })
	t.Run("plaintext", func(t *testing.T) {
		eventually(t, "plaintext is refused", func() error { return plaintextRefused(m.in(t)) })
	})
	t.Run("foreign certificate", func(t *testing.T) { m.in(t).foreignRefused() })
	t.Run("no valid token", func(t *testing.T) { m.in(t).tokens() })
	m.settled()
	m.same()
}

func (m *mesh) callerSeen() {
	for name, account := range map[string]string{"productpage-v1": "bookinfo-productpage", "reviews-v2": "bookinfo-reviews"} {
		c := via(m.workload(name).Proxy)
		eventually(m.t, "echo answers "+name, func() error {
			// What a caller claims about itself does not count.
			a, err := get(c, "http://echo:8000/who", "X-Forwarded-Client-Cert", "URI=spiffe://cluster.local/ns/default/sa/admin")
			if err != nil || a.status != http.StatusOK {
				return fmt.Errorf("echo: %s", outcome(a, err))
			}
			var got echo
			if err := json.Unmarshal([]byte(a.body), &got); err != nil {
				return err
			}
			seen := got.Header.Get("X-Forwarded-Client-Cert")
			m.t.Logf("echo sees %s as %s", name, seen)
			if !strings.Contains(seen, "By=spiffe://cluster.local/ns/default/sa/echo;") ||
				!strings.Contains(seen, "URI=spiffe://cluster.local/ns/default/sa/"+account) || strings.Contains(seen, "admin") {
				m.t.Errorf("%s is seen as %q", name, seen)
			}
			return nil
		})
	}
}

// foreignRefused calls ratings' sidecar with a certificate of the right name that somebody else signed.
func (m *mesh) foreignRefused() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		m.t.Fatal(err)
	}
	id := &url.URL{Scheme: "spiffe", Host: "cluster.local", Path: "/ns/default/sa/bookinfo-reviews"}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), URIs: []*url.URL{id}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		m.t.Fatal(err)
	}
	for what, certificate := range map[string]tls.Certificate{"foreign": {Certificate: [][]byte{der}, PrivateKey: key}, "none": {}} {
		var offered bool
		config := &tls.Config{
			InsecureSkipVerify: true, //nolint:gosec // the server must refuse us
			NextProtos:         []string{"istio", "http/1.1"},
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				offered = true
				return &certificate, nil
			},
		}
		c := &http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
		a, err := get(c, "https://"+m.inbound("ratings-v1")+"/ratings/0")
		if err == nil || !offered {
			m.t.Errorf("certificate %s: answered with %d, asked for a certificate: %t, %v", what, a.status, offered, err)
		}
		m.t.Logf("certificate %s: %v", what, err)
	}
}

// tokens joins with credentials that are not good.
func (m *mesh) tokens() {
	roots, good := filepath.Join(m.state, "root.pem"), filepath.Join(m.state, "good")
	m.ctl("standalone", "root", "--file", roots)
	m.ctl("standalone", "token", "--service-account", "guest", "--file", good)
	token, err := os.ReadFile(good)
	if err != nil {
		m.t.Fatal(err)
	}
	head, rest, _ := strings.Cut(strings.TrimSpace(string(token)), ".")
	claims, signature, _ := strings.Cut(rest, ".")
	at := m.status().ControlPlane.XDSAddress
	var all sync.WaitGroup
	for name, text := range map[string]string{
		"garbage": "garbage", "empty": "", "unsigned": head + "." + claims + ".", "changed": head + "." + claims[:len(claims)-4] + "AAAA." + signature,
	} {
		path := filepath.Join(m.state, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			m.t.Fatal(err)
		}
		all.Go(func() { m.join(at, name, "guest", path, roots, false) })
	}
	all.Go(func() { m.join(at, "somebody-else", "bookinfo-productpage", good, roots, false) })
	all.Go(func() { m.join(at, "guest", "guest", good, roots, true) })
	all.Wait()
	m.settled()
}

// join runs a program that ends at once as a workload of the mesh at an address.
func (m *mesh) join(address, name, account, token, roots string, welcome bool) {
	m.t.Helper()
	out, errs, code := m.run("workload", "run", "--mesh", "elsewhere", "--control-plane", address,
		"--token-file", token, "--root-file", roots, "--name", name, "--service-account", account, "--ready-timeout", "3s", "--", "echo", "joined")
	if welcome {
		if code != 0 || !strings.Contains(out, "joined") {
			m.t.Errorf("%s: exit code %d\n%s", name, code, errs)
		}
		return
	}
	if code == 0 || strings.Contains(out, "joined") || !strings.Contains(errs, "certificate") {
		m.t.Errorf("%s joined as %s: exit code %d\n%s%s", name, account, code, out, errs)
	}
	m.t.Logf("%s: %s", name, strings.TrimSpace(errs))
}
