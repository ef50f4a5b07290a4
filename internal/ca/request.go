package ca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
)

// NewRequest makes a P-256 key and the PEM signing request for it, the client's half of Authority.Sign. The identity
// is a courtesy to whoever reads the request: the authority decides by what the caller proves.
func NewRequest(id Identity) (PrivateKey, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return PrivateKey{}, nil, err
	}
	template := &x509.CertificateRequest{}
	template.URIs = append(template.URIs, id.uri())
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		return PrivateKey{}, nil, fmt.Errorf("certificate request of %s: %w", id, err)
	}
	secret, err := encodeKey(key)
	if err != nil {
		return PrivateKey{}, nil, err
	}
	return secret, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}), nil
}

// KeyPair joins a PEM chain (leaf first) and its key; Leaf is set.
func KeyPair(chainPEM []byte, key PrivateKey) (*tls.Certificate, error) {
	pair, err := tls.X509KeyPair(chainPEM, key.Reveal())
	if err != nil {
		return nil, fmt.Errorf("certificate and key: %w", err)
	}
	return &pair, nil
}
