package ca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"sync"
	"time"
)

// Serving is the certificate of a server that lives with the authority: issued at first use, and again when a
// handshake asks for it at half of its life or after the authority signs otherwise. Any number of goroutines may use it.
type Serving struct {
	authority *Authority
	id        Identity
	names     []string

	mu      sync.Mutex
	current *tls.Certificate
	by      *signer
	renew   time.Time
}

// Serving returns the certificate source of a server with an identity and the DNS names and IP addresses at which
// clients know it, e.g. "istiod.istio-system.svc", "localhost", "127.0.0.1".
func (a *Authority) Serving(id Identity, names ...string) *Serving {
	return &Serving{authority: a, id: id, names: names}
}

// Certificate returns a certificate in force.
func (s *Serving) Certificate() (*tls.Certificate, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	// By the wall clock: the monotonic one stands still while a laptop sleeps, certificates do not.
	now := s.authority.options.Now().Round(0)
	by := s.authority.now.Load()
	if s.current != nil && now.Before(s.renew) && (s.by == by || s.by.cert.Equal(by.cert)) {
		return s.current, nil
	}
	fresh, err := s.issue(by)
	if err != nil {
		if s.current != nil && now.Before(s.current.Leaf.NotAfter) {
			return s.current, nil // still good: the next handshake tries again
		}
		return nil, err
	}
	s.current, s.by, s.renew = fresh, by, now.Add(fresh.Leaf.NotAfter.Sub(now)/2)
	return fresh, nil
}

func (s *Serving) issue(by *signer) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	chain, err := s.authority.issueBy(by, key.Public(), s.id, s.names, 0)
	if err != nil {
		return nil, err
	}
	secret, err := encodeKey(key)
	if err != nil {
		return nil, err
	}
	return KeyPair(chain, secret)
}
