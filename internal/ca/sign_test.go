package ca

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"net"
	"strings"
	"testing"
	"time"
)

func TestSign(t *testing.T) {
	c := newClock()
	a := testAuthority(t, c)
	// The request claims to be somebody else, in every way there is.
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	admin := Identity{"cluster.local", "istio-system", "istiod"}
	template := &x509.CertificateRequest{
		Subject: pkix.Name{CommonName: admin.String()}, DNSNames: []string{"istiod.istio-system.svc"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, EmailAddresses: []string{"root@example.com"},
	}
	template.URIs = append(template.URIs, admin.uri())
	chain, err := a.Sign(encodeRequest(t, template, key), reviews, 0)
	if err != nil {
		t.Fatal(err)
	}
	cert := leaf(t, chain)
	id, err := CertificateIdentity(cert)
	if err != nil || id != reviews {
		t.Errorf("identity %v, %v", id, err)
	}
	if len(cert.DNSNames)+len(cert.IPAddresses)+len(cert.EmailAddresses) != 0 || cert.Subject.CommonName != "" {
		t.Errorf("names from the request got in: %v %v %v %v", cert.DNSNames, cert.IPAddresses, cert.EmailAddresses, cert.Subject)
	}
	if !key.PublicKey.Equal(cert.PublicKey) || cert.IsCA {
		t.Error("wrong key, or a CA certificate")
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(a.TrustBundle())
	for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth} {
		if _, err := cert.Verify(x509.VerifyOptions{Roots: pool, CurrentTime: c.now(), KeyUsages: []x509.ExtKeyUsage{usage}}); err != nil {
			t.Errorf("verify for usage %v: %v", usage, err)
		}
	}
	if n := bytes.Count(chain, []byte("BEGIN")); n != 1 {
		t.Errorf("the chain has %d certificates, want the leaf alone: clients have the root", n)
	}
}

func TestSignLifetimes(t *testing.T) {
	c := newClock()
	store := testStore(t)
	for _, tc := range []struct {
		name string
		max  time.Duration
		age  time.Duration // of the root
		ask  time.Duration
		want time.Duration
	}{
		{"default", 0, 0, 0, 24 * time.Hour},
		{"negative", 0, 0, -time.Hour, 24 * time.Hour},
		{"asked", 0, 0, 2 * time.Hour, 2 * time.Hour},
		{"longer than allowed", 48 * time.Hour, 0, 1000 * time.Hour, 48 * time.Hour},
		{"default longer than allowed", time.Hour, 0, 0, time.Hour},
		{"too short to be of use", 0, 0, time.Nanosecond, time.Minute},
		{"longer than the root's", 0, rootTTL - time.Hour, 0, time.Hour},
	} {
		t.Run(tc.name, func(t *testing.T) {
			now := c.now().Add(tc.age)
			if _, err := Open(store, Options{Now: c.now}); err != nil {
				t.Fatal(err)
			}
			a, err := Open(store, Options{MaxTTL: tc.max, Now: func() time.Time { return now }})
			if err != nil {
				t.Fatal(err)
			}
			_, csr := testRequest(t, reviews)
			chain, err := a.Sign(csr, reviews, tc.ask)
			if err != nil {
				t.Fatal(err)
			}
			cert := leaf(t, chain)
			if got := cert.NotAfter.Sub(now); got != tc.want {
				t.Errorf("lives for %s, want %s", got, tc.want)
			}
			if got := now.Sub(cert.NotBefore); got != ClockSkew {
				t.Errorf("valid since %s, want %s", got, ClockSkew)
			}
		})
	}
}

func TestSignRefusesIdentities(t *testing.T) {
	a := testAuthority(t, newClock())
	_, csr := testRequest(t, reviews)
	for _, id := range []Identity{
		{}, {"cluster.local", "", "a"}, {"cluster.local", "a", ""}, {"elsewhere", "a", "b"},
		{"cluster.local", "a/sa/b", "c"}, {"cluster.local", "A", "c"}, {"cluster.local", "a", "b c"},
	} {
		if _, err := a.Sign(csr, id, 0); err == nil {
			t.Errorf("signed for %+v", id)
		}
	}
}

func TestSignRefusesRequests(t *testing.T) {
	a := testAuthority(t, newClock())
	_, good := testRequest(t, reviews)
	block, _ := pem.Decode(good)
	block.Bytes[len(block.Bytes)-1] ^= 1
	forged := pem.EncodeToMemory(block)
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		csr  []byte
		want string
	}{
		"empty":       {nil, "not a PEM block"},
		"no PEM":      {[]byte("hello"), "not a PEM block"},
		"certificate": {a.TrustBundle(), "not a PEM block"},
		"too long":    {append(bytes.Repeat([]byte("\n"), maxCSR), good...), "more than"},
		"forged":      {forged, "signature"},
		"P-224":       {encodeRequest(t, &x509.CertificateRequest{}, p224), "P-256"},
	} {
		if _, err := a.Sign(tc.csr, reviews, 0); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}

func TestSignKeyTypes(t *testing.T) {
	a := testAuthority(t, newClock())
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []crypto.Signer{ed, r, p384} {
		if _, err := a.Sign(encodeRequest(t, &x509.CertificateRequest{}, key), reviews, 0); err != nil {
			t.Errorf("%T: %v", key, err)
		}
	}
}

func encodeRequest(t testing.TB, template *x509.CertificateRequest, key crypto.Signer) []byte {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

func FuzzSign(f *testing.F) {
	a := testAuthority(f, newClock())
	_, csr := testRequest(f, reviews)
	f.Add(csr)
	block, _ := pem.Decode(csr)
	f.Add(block.Bytes)
	f.Fuzz(func(t *testing.T, in []byte) {
		for _, csr := range [][]byte{in, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: in})} {
			chain, err := a.Sign(csr, reviews, 0)
			if err != nil {
				continue
			}
			if id, err := CertificateIdentity(leaf(t, chain)); err != nil || id != reviews {
				t.Errorf("signed for %v, %v", id, err)
			}
		}
	})
}
