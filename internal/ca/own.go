package ca

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"fmt"
	"slices"
)

// Root is a root certificate of the mesh's own with its key.
type Root struct {
	Certificate []byte // PEM
	Key         PrivateKey
}

// NewRoot makes a root that lives for ten years.
func NewRoot(o Options) (Root, error) {
	data, err := newRoot(o.withDefaults())
	if err != nil {
		return Root{}, err
	}
	blocks := splitPEM(data)
	return Root{Certificate: []byte(blocks[0]), Key: NewPrivateKey([]byte(blocks[1]))}, nil
}

// OpenRoot returns the authority that signs with a root of the mesh's own and trusts those of a PEM bundle. The root is trusted whether
// or not it is in the bundle; an empty bundle stands for it alone.
func OpenRoot(r Root, bundle []byte, o Options) (*Authority, error) {
	certs, key, err := r.parse()
	if err != nil {
		return nil, err
	}
	roots := certs[:1]
	if len(bytes.TrimSpace(bundle)) > 0 {
		if roots, err = decodeCerts(bundle); err != nil {
			return nil, fmt.Errorf("trust bundle: %w", err)
		}
		if !contains(roots, certs[0]) {
			roots = slices.Concat(certs[:1], roots)
		}
	}
	return newAuthority(o.withDefaults(), key, certs[0], nil, roots)
}

func (r Root) parse() ([]*x509.Certificate, crypto.Signer, error) {
	certs, err := decodeCerts(r.Certificate)
	if err != nil {
		return nil, nil, fmt.Errorf("root certificate: %w", err)
	}
	key, err := decodeKey(r.Key.Reveal())
	if err != nil {
		return nil, nil, fmt.Errorf("key of the root: %w", err)
	}
	return certs, key, nil
}
