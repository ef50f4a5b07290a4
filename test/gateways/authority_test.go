package gateways_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"
)

// authority signs certificates.
type authority struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	made int64
}

// pair is a certificate with its key, in PEM and parsed.
type pair struct {
	cert, key []byte
	leaf      *x509.Certificate
	tls       tls.Certificate
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "root"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, SubjectKeyId: []byte{1},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	check(t, err)
	cert, err := x509.ParseCertificate(der)
	check(t, err)
	return &authority{t: t, key: key, cert: cert, made: 1}
}

// root is the authority's own certificate.
func (a *authority) root() []byte { return block("CERTIFICATE", a.cert.Raw) }

// pool trusts the authority.
func (a *authority) pool() *x509.CertPool {
	out := x509.NewCertPool()
	out.AddCert(a.cert)
	return out
}

// issue makes a certificate with an ECDSA key for a server or client of a name.
func (a *authority) issue(name string) pair {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(a.t, err)
	return a.sign(name, key)
}

// issueRSA is issue with an RSA key.
func (a *authority) issueRSA(name string) pair {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	check(a.t, err)
	return a.sign(name, key)
}

func (a *authority) sign(name string, key crypto.Signer) pair {
	a.t.Helper()
	a.made++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(a.made), DNSNames: []string{name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	check(a.t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	check(a.t, err)
	p := pair{cert: block("CERTIFICATE", der), key: block("PRIVATE KEY", private)}
	p.tls, err = tls.X509KeyPair(p.cert, p.key)
	check(a.t, err)
	p.leaf = p.tls.Leaf
	return p
}

// revoke is the list of the authority's certificates that do not hold any more.
func (a *authority) revoke(p pair) []byte {
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: big.NewInt(1), ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: time.Now().Add(time.Hour),
		RevokedCertificateEntries: []x509.RevocationListEntry{{SerialNumber: p.leaf.SerialNumber, RevocationTime: time.Now()}},
	}, a.cert, a.key)
	check(a.t, err)
	return block("X509 CRL", der)
}

// staple says that a certificate holds.
func (a *authority) staple(p pair) []byte {
	der, err := ocsp.CreateResponse(a.cert, a.cert, ocsp.Response{
		Status: ocsp.Good, SerialNumber: p.leaf.SerialNumber, ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: time.Now().Add(time.Hour),
	}, a.key)
	check(a.t, err)
	return der
}

// data is the content of a Secret.
func (p pair) data() map[string][]byte { return map[string][]byte{"tls.crt": p.cert, "tls.key": p.key} }

// hash is that of the certificate, as verifyCertificateHash has it; spki that of the key, as verifyCertificateSpki has it.
func (p pair) hash() string {
	sum := sha256.Sum256(p.leaf.Raw)
	return hex.EncodeToString(sum[:])
}

func (p pair) spki() string {
	sum := sha256.Sum256(p.leaf.RawSubjectPublicKeyInfo)
	return base64.StdEncoding.EncodeToString(sum[:])
}

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// file writes data to a file and returns its path.
func file(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	check(t, os.WriteFile(path, data, 0o600))
	return path
}
