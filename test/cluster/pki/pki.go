// Package pki makes the certificates of clusters for tests.
package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"time"
)

// Lifetime is how long certificates are valid that do not say it themselves.
const Lifetime = 24 * time.Hour

// Authority signs certificates.
type Authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	pem  Pair
}

// Pair is a certificate with its key, in PEM.
type Pair struct{ Cert, Key []byte }

// New makes an authority.
func New(name string) (*Authority, error) {
	a := &Authority{}
	var err error
	a.pem, err = a.sign(&x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a, err
}

// Own is the authority's own certificate.
func (a *Authority) Own() Pair { return a.pem }

// Server returns a certificate for names and IP addresses under which clients know a server. It serves as a client's, too, for the user
// with that name.
func (a *Authority) Server(user string, groups, hosts []string) (Pair, error) {
	c := &x509.Certificate{
		Subject: pkix.Name{CommonName: user, Organization: groups}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			c.IPAddresses = append(c.IPAddresses, ip)
		} else {
			c.DNSNames = append(c.DNSNames, h)
		}
	}
	return a.sign(c)
}

// Client returns a certificate for a user, which is what Kubernetes takes the names in it for. The zero time of expiry means Lifetime.
func (a *Authority) Client(user string, expires time.Time, groups ...string) (Pair, error) {
	return a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: user, Organization: groups}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, NotAfter: expires,
	})
}

// sign completes and signs a certificate with a new key. The first one is the authority's own.
func (a *Authority) sign(template *x509.Certificate) (Pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Pair{}, err
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62)); err != nil {
		return Pair{}, err
	}
	template.NotBefore = time.Now().Add(-Lifetime)
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(Lifetime)
	}
	issuer, signer := a.cert, a.key
	if template.IsCA {
		issuer, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, &key.PublicKey, signer)
	if err != nil {
		return Pair{}, err
	}
	if template.IsCA {
		a.key = key
		if a.cert, err = x509.ParseCertificate(der); err != nil {
			return Pair{}, err
		}
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return Pair{}, err
	}
	return Pair{
		Cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		Key:  pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: private}),
	}, nil
}
