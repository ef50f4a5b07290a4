package ca

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"sync/atomic"
	"time"
)

const (
	// DefaultTTL is the life of a certificate whose request names none, as in Istio.
	DefaultTTL = 24 * time.Hour
	// DefaultMaxTTL is the longest life that can be asked for, as in Istio (MAX_WORKLOAD_CERT_TTL).
	DefaultMaxTTL = 90 * 24 * time.Hour
	// ClockSkew is how far behind a peer's clock may be without a fresh certificate being "not yet valid" for it.
	ClockSkew = 2 * time.Minute
	// minTTL keeps a request for a second of life from becoming a loop of requests.
	minTTL = time.Minute
)

// Options are the parameters of an Authority.
type Options struct {
	// TrustDomain of every identity that is signed; default DefaultTrustDomain.
	TrustDomain string
	// DefaultTTL and MaxTTL of leaf certificates; default DefaultTTL and DefaultMaxTTL.
	DefaultTTL, MaxTTL time.Duration
	// Now is the clock; default time.Now.
	Now func() time.Time
}

func (o Options) withDefaults() Options {
	if o.TrustDomain == "" {
		o.TrustDomain = DefaultTrustDomain
	}
	if o.MaxTTL <= 0 {
		o.MaxTTL = DefaultMaxTTL
	}
	if o.DefaultTTL <= 0 {
		o.DefaultTTL = DefaultTTL
	}
	o.DefaultTTL = min(o.DefaultTTL, o.MaxTTL)
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Authority signs certificates for the identities of one trust domain. Any number of goroutines may use it, and replace it meanwhile.
type Authority struct {
	options Options
	now     atomic.Pointer[signer]
}

// signer is what an authority signs with and trusts at one moment.
type signer struct {
	key  crypto.Signer
	cert *x509.Certificate
	// intermediates is PEM from cert up to but without the root, empty when cert is the root.
	intermediates []byte
	bundle        []byte
	roots         []*x509.Certificate
	// replaced is closed when another one has taken its place.
	replaced chan struct{}
}

// newAuthority checks that the parts belong together and are in force: cert is a CA's with key as its private key,
// and leads through intermediates to a root of the bundle.
func newAuthority(o Options, key crypto.Signer, cert *x509.Certificate, chain, roots []*x509.Certificate) (*Authority, error) {
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(cert.PublicKey) {
		return nil, fmt.Errorf("the private key is not the certificate's (%s)", cert.Subject)
	}
	if !cert.IsCA || (cert.KeyUsage != 0 && cert.KeyUsage&x509.KeyUsageCertSign == 0) {
		return nil, fmt.Errorf("the certificate (%s) is not a CA's: it may not sign others", cert.Subject)
	}
	pool, middle := x509.NewCertPool(), x509.NewCertPool()
	for _, root := range roots {
		pool.AddCert(root)
	}
	a := &signer{key: key, cert: cert, bundle: encodeCerts(roots), roots: roots, replaced: make(chan struct{})}
	for _, c := range chain {
		middle.AddCert(c)
	}
	if _, err := cert.Verify(x509.VerifyOptions{
		Roots: pool, Intermediates: middle, CurrentTime: o.Now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}); err != nil {
		return nil, fmt.Errorf("the certificate (%s) does not lead to the root: %w", cert.Subject, err)
	}
	if !contains(roots, cert) {
		a.intermediates = encodeCerts(withoutRoots(cert, chain, roots))
	}
	out := &Authority{options: o}
	out.now.Store(a)
	return out, nil
}

// withoutRoots returns cert and then the chain in its order, each once, without the roots.
func withoutRoots(cert *x509.Certificate, chain, roots []*x509.Certificate) []*x509.Certificate {
	out := []*x509.Certificate{cert}
	for _, c := range chain {
		if !contains(out, c) && !contains(roots, c) {
			out = append(out, c)
		}
	}
	return out
}

// TrustDomain returns the trust domain that the authority signs for.
func (a *Authority) TrustDomain() string { return a.options.TrustDomain }

// TrustBundle returns the PEM certificates of every root to trust.
func (a *Authority) TrustBundle() []byte { return bytes.Clone(a.now.Load().bundle) }

// Expires returns when the signing certificate ends; no certificate that it signs lives longer.
func (a *Authority) Expires() time.Time { return a.now.Load().cert.NotAfter }

// Format describes the authority without its key, whatever the verb.
func (a *Authority) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "certificate authority of %s (%s)", a.options.TrustDomain, a.now.Load().cert.Subject)
}

func contains(list []*x509.Certificate, c *x509.Certificate) bool {
	for _, other := range list {
		if other.Equal(c) {
			return true
		}
	}
	return false
}

func encodeCerts(list []*x509.Certificate) []byte {
	var out bytes.Buffer
	for _, c := range list {
		out.Write(encodeCert(c.Raw))
	}
	return out.Bytes()
}

func encodeCert(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// decodeCerts returns every certificate in PEM input; at least one is required.
func decodeCerts(input []byte) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	for {
		var block *pem.Block
		if block, input = pem.Decode(input); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no PEM certificate in it")
	}
	return out, nil
}
