package ca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// issuer is one CA of a chain made for a test.
type issuer struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newIssuer(t testing.TB, name string, parent *issuer, c *clock) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true,
		NotBefore: c.now().Add(-time.Hour), NotAfter: c.now().Add(1000 * time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	by := &issuer{cert: template, key: key}
	if parent != nil {
		by = parent
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.cert, key.Public(), by.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &issuer{cert: cert, key: key}
}

func (i *issuer) pem() []byte { return encodeCert(i.cert.Raw) }

// cacerts lays a chain out as Istio's secret does: the CA first in cert-chain.pem, the root at its end.
func cacerts(t testing.TB, root, middle, ca *issuer) fstest.MapFS {
	t.Helper()
	key, err := encodeKey(ca.key)
	if err != nil {
		t.Fatal(err)
	}
	return fstest.MapFS{
		"ca-cert.pem":    {Data: ca.pem()},
		"ca-key.pem":     {Data: key.Reveal()},
		"cert-chain.pem": {Data: slices.Concat(ca.pem(), middle.pem(), root.pem())},
		"root-cert.pem":  {Data: root.pem()},
	}
}

func TestOpenPlugged(t *testing.T) {
	c := newClock()
	root := newIssuer(t, "root", nil, c)
	middle := newIssuer(t, "middle", root, c)
	ca := newIssuer(t, "ca", middle, c)
	a, err := OpenPlugged(cacerts(t, root, middle, ca), Options{Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	_, csr := testRequest(t, reviews)
	chain, err := a.Sign(csr, reviews, 0)
	if err != nil {
		t.Fatal(err)
	}
	certs, err := decodeCerts(chain)
	if err != nil || len(certs) != 3 || !certs[1].Equal(ca.cert) || !certs[2].Equal(middle.cert) {
		t.Fatalf("chain of %d, %v; want leaf, ca, middle", len(certs), err)
	}
	pool, intermediates := x509.NewCertPool(), x509.NewCertPool()
	pool.AppendCertsFromPEM(a.TrustBundle())
	intermediates.AddCert(certs[1])
	intermediates.AddCert(certs[2])
	if _, err := certs[0].Verify(x509.VerifyOptions{Roots: pool, Intermediates: intermediates, CurrentTime: c.now()}); err != nil {
		t.Error(err)
	}
}

func TestOpenPluggedRootItself(t *testing.T) {
	c := newClock()
	root := newIssuer(t, "root", nil, c)
	files := cacerts(t, root, root, root)
	delete(files, "cert-chain.pem")
	a, err := OpenPlugged(files, Options{Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	_, csr := testRequest(t, reviews)
	if chain, err := a.Sign(csr, reviews, 0); err != nil || len(splitPEM(chain)) != 1 {
		t.Errorf("chain of %d, %v; want the leaf alone", len(splitPEM(chain)), err)
	}
}

func TestOpenPluggedRefuses(t *testing.T) {
	c := newClock()
	root := newIssuer(t, "root", nil, c)
	middle := newIssuer(t, "middle", root, c)
	ca := newIssuer(t, "ca", middle, c)
	other := newIssuer(t, "other", nil, c)
	for name, tc := range map[string]struct {
		edit func(fstest.MapFS)
		want string
	}{
		"no key":         {func(f fstest.MapFS) { delete(f, "ca-key.pem") }, "ca-key.pem"},
		"empty root":     {func(f fstest.MapFS) { f["root-cert.pem"].Data = nil }, "root-cert.pem"},
		"other's key":    {func(f fstest.MapFS) { f["ca-key.pem"] = cacerts(t, other, other, other)["ca-key.pem"] }, "private key is not"},
		"other's root":   {func(f fstest.MapFS) { f["root-cert.pem"].Data = other.pem() }, "does not lead to the root"},
		"missing middle": {func(f fstest.MapFS) { delete(f, "cert-chain.pem") }, "does not lead to the root"},
		"not a CA": {func(f fstest.MapFS) {
			a, err := OpenPlugged(cacerts(t, root, middle, ca), Options{Now: c.now})
			if err != nil {
				t.Fatal(err)
			}
			key, csr := testRequest(t, reviews)
			chain, err := a.Sign(csr, reviews, 0)
			if err != nil {
				t.Fatal(err)
			}
			f["ca-cert.pem"].Data, f["ca-key.pem"].Data = chain, key.Reveal()
		}, "not a CA's"},
	} {
		t.Run(name, func(t *testing.T) {
			files := cacerts(t, root, middle, ca)
			tc.edit(files)
			if _, err := OpenPlugged(files, Options{Now: c.now}); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v, want %q", err, tc.want)
			}
		})
	}
}
