package ca

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"slices"
)

// Replace makes the authority sign and trust from now on as another one of the same trust domain does, and reports whether that is a
// change. Servers that live with the authority renew their certificates; those who wait for Replaced are woken.
func (a *Authority) Replace(with *Authority) (bool, error) {
	if with.options.TrustDomain != a.options.TrustDomain {
		return false, fmt.Errorf("the new authority is for trust domain %q, this one for %q", with.options.TrustDomain, a.options.TrustDomain)
	}
	next := with.now.Load()
	before := a.now.Load()
	if before.equal(next) {
		return false, nil
	}
	fresh := *next
	fresh.replaced = make(chan struct{})
	before = a.now.Swap(&fresh)
	close(before.replaced)
	return true, nil
}

func (s *signer) equal(other *signer) bool {
	return s.cert.Equal(other.cert) && bytes.Equal(s.intermediates, other.intermediates) && bytes.Equal(s.bundle, other.bundle)
}

// Replaced returns a channel that is closed when the authority as it is now is replaced.
func (a *Authority) Replaced() <-chan struct{} { return a.now.Load().replaced }

// Stamp says which authority a certificate is of and what its holder trusts.
type Stamp struct {
	// Signer is the key identifier of the certificate that signed, in hexadecimal.
	Signer string
	// Roots are the fingerprints of the trusted roots, see Fingerprints.
	Roots []string
}

// Stamp returns that of the certificates which the authority signs now.
func (a *Authority) Stamp() Stamp {
	s := a.now.Load()
	return Stamp{Signer: hex.EncodeToString(s.cert.SubjectKeyId), Roots: fingerprints(s.asRoots())}
}

// asRoots are the certificates of an answer that workloads take for roots: those that name themselves as their issuer.
func (s *signer) asRoots() []*x509.Certificate {
	middle, _ := decodeCerts(s.intermediates) // none is no error here
	return slices.DeleteFunc(slices.Concat(middle, s.roots), func(c *x509.Certificate) bool { return !bytes.Equal(c.RawIssuer, c.RawSubject) })
}

// Fingerprints returns the SHA-256 of each certificate in PEM input, in hexadecimal; nil when there is none.
func Fingerprints(bundle []byte) []string {
	certs, err := decodeCerts(bundle)
	if err != nil {
		return nil
	}
	return fingerprints(certs)
}

func fingerprints(certs []*x509.Certificate) []string {
	out := make([]string, len(certs))
	for i, c := range certs {
		sum := sha256.Sum256(c.Raw)
		out[i] = hex.EncodeToString(sum[:])
	}
	return out
}

// RootsExpire returns the fingerprint of each trusted root with the Unix time at which it ends.
func (a *Authority) RootsExpire() map[string]int64 {
	out := map[string]int64{}
	roots := a.now.Load().roots
	for i, f := range fingerprints(roots) {
		out[f] = roots[i].NotAfter.Unix()
	}
	return out
}
