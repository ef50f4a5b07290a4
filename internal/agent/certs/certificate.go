// Package certs keeps the workload's certificate fresh: a key that never touches a disk, a first certificate bought with
// a token, and renewals under the certificate itself.
package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/meshctl/meshctl/internal/ca"
)

// Certificate is one issued certificate with its key.
type Certificate struct {
	// Chain is PEM: the leaf, then the intermediates.
	Chain []byte
	Key   ca.PrivateKey
	// Pair is both, for Go's TLS; its Leaf is set.
	Pair *tls.Certificate
}

// Leaf is the workload's own certificate.
func (c *Certificate) Leaf() *x509.Certificate { return c.Pair.Leaf }

// ID is the SPIFFE ID in it.
func (c *Certificate) ID() string {
	if len(c.Leaf().URIs) == 0 {
		return ""
	}
	return c.Leaf().URIs[0].String()
}

func (c *Certificate) validAt(now time.Time) bool { return c != nil && now.Before(c.Leaf().NotAfter) }

// join makes a Certificate of a key and the authority's answer (leaf, intermediates and roots in PEM) and returns the
// roots apart from it.
func join(key ca.PrivateKey, answer []string, now time.Time) (*Certificate, []byte, error) {
	var chain, roots bytes.Buffer
	rest := []byte(strings.Join(answer, "\n"))
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, nil, fmt.Errorf("the authority's answer: %w", err)
		}
		if chain.Len() > 0 && bytes.Equal(cert.RawIssuer, cert.RawSubject) {
			_ = pem.Encode(&roots, block)
		} else {
			_ = pem.Encode(&chain, block)
		}
	}
	if chain.Len() == 0 {
		return nil, nil, errors.New("the authority's answer holds no certificate")
	}
	pair, err := ca.KeyPair(chain.Bytes(), key)
	if err != nil {
		return nil, nil, fmt.Errorf("the authority's answer: %w", err)
	}
	c := &Certificate{Chain: chain.Bytes(), Key: key, Pair: pair}
	if !c.validAt(now) {
		return nil, nil, fmt.Errorf("the authority's answer expired at %s: compare the clocks", c.Leaf().NotAfter.UTC().Format(time.RFC3339))
	}
	return c, roots.Bytes(), nil
}

// union returns the distinct certificates of PEM bundles, in order.
func union(bundles ...[]byte) []byte {
	var out bytes.Buffer
	seen := map[string]bool{}
	for _, rest := range bundles {
		for {
			var block *pem.Block
			if block, rest = pem.Decode(rest); block == nil {
				break
			}
			if block.Type == "CERTIFICATE" && !seen[string(block.Bytes)] {
				seen[string(block.Bytes)] = true
				_ = pem.Encode(&out, &pem.Block{Type: block.Type, Bytes: block.Bytes})
			}
		}
	}
	return out.Bytes()
}
