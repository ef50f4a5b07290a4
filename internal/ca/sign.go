package ca

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"
)

// maxCSR bounds a signing request in bytes; one for a 4096-bit RSA key has less than 2 KiB.
const maxCSR = 16 << 10

// Sign returns a certificate for the public key of a PEM signing request, followed by the intermediates (not the root:
// see TrustBundle). The identity becomes the only subject alternative name; whatever names the request has are ignored.
// A ttl of zero or less means the default, a longer one than allowed is shortened.
func (a *Authority) Sign(csrPEM []byte, id Identity, ttl time.Duration) ([]byte, error) {
	public, err := requestKey(csrPEM)
	if err != nil {
		return nil, fmt.Errorf("certificate request: %w", err)
	}
	return a.issue(public, id, nil, ttl)
}

// issue signs a leaf for public; names are further DNS names and IP addresses.
func (a *Authority) issue(public crypto.PublicKey, id Identity, names []string, ttl time.Duration) ([]byte, error) {
	return a.issueBy(a.now.Load(), public, id, names, ttl)
}

func (a *Authority) issueBy(by *signer, public crypto.PublicKey, id Identity, names []string, ttl time.Duration) ([]byte, error) {
	if err := id.Validate(); err != nil {
		return nil, err
	}
	if id.TrustDomain != a.options.TrustDomain {
		return nil, fmt.Errorf("identity %s is not of trust domain %s", id, a.options.TrustDomain)
	}
	now := a.options.Now()
	if !now.Before(by.cert.NotAfter) {
		return nil, fmt.Errorf("the signing certificate (%s) ended %s: replace it", by.cert.Subject, by.cert.NotAfter.Format(time.RFC3339))
	}
	template := &x509.Certificate{
		NotBefore:             now.Add(-ClockSkew),
		NotAfter:              earlier(now.Add(a.clamp(ttl)), by.cert.NotAfter),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
	}
	if _, isRSA := public.(*rsa.PublicKey); isRSA {
		template.KeyUsage |= x509.KeyUsageKeyEncipherment
	}
	template.URIs = append(template.URIs, id.uri())
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.cert, public, by.key)
	if err != nil {
		return nil, fmt.Errorf("sign certificate of %s: %w", id, err)
	}
	return slices.Concat(encodeCert(der), by.intermediates), nil
}

func (a *Authority) clamp(ttl time.Duration) time.Duration {
	if ttl <= 0 {
		ttl = a.options.DefaultTTL
	}
	return min(max(ttl, minTTL), a.options.MaxTTL)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// requestKey returns the public key of a PEM signing request whose sender has proved to hold the private key.
func requestKey(csrPEM []byte) (crypto.PublicKey, error) {
	if len(csrPEM) > maxCSR {
		return nil, fmt.Errorf("has %d bytes, more than %d", len(csrPEM), maxCSR)
	}
	block, _ := pem.Decode(csrPEM)
	if block == nil || (block.Type != "CERTIFICATE REQUEST" && block.Type != "NEW CERTIFICATE REQUEST") {
		return nil, errors.New("is not a PEM block CERTIFICATE REQUEST")
	}
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, err
	}
	if err := checkKey(request.PublicKey); err != nil {
		return nil, err
	}
	if err := request.CheckSignature(); err != nil {
		return nil, fmt.Errorf("signature: %w", err)
	}
	return request.PublicKey, nil
}

// checkKey refuses weak keys, and RSA keys so long that checking them is a burden.
func checkKey(key crypto.PublicKey) error {
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() && k.Curve != elliptic.P384() {
			return fmt.Errorf("curve %s is not P-256 or P-384", k.Curve.Params().Name)
		}
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits < 2048 || bits > 4096 {
			return fmt.Errorf("RSA key has %d bits, not 2048 to 4096", bits)
		}
	case ed25519.PublicKey:
	default:
		return fmt.Errorf("%T is not an ECDSA, RSA or Ed25519 key", key)
	}
	return nil
}
