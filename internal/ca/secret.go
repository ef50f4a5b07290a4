package ca

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
)

const redacted = "[redacted]"

// PrivateKey is secret material (a PEM private key, a token key) that every encoder and format verb shows as
// "[redacted]". Only Reveal returns it.
type PrivateKey struct {
	// A function, since fmt prints the bytes of a field in somebody else's struct without asking its methods.
	reveal func() []byte
}

// NewPrivateKey wraps secret bytes; they must not be changed afterwards.
func NewPrivateKey(secret []byte) PrivateKey {
	return PrivateKey{reveal: func() []byte { return secret }}
}

// Reveal returns the secret, nil for a zero PrivateKey. The caller must not change or log it.
func (k PrivateKey) Reveal() []byte {
	if k.reveal == nil {
		return nil
	}
	return k.reveal()
}

// String returns "[redacted]".
func (k PrivateKey) String() string { return redacted }

// Format writes "[redacted]" whatever the verb.
func (k PrivateKey) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// MarshalText returns "[redacted]", for JSON, YAML and flags.
func (k PrivateKey) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue makes slog write "[redacted]".
func (k PrivateKey) LogValue() slog.Value { return slog.StringValue(redacted) }

// encodeKey returns the PKCS #8 PEM of key, which OpenSSL and Envoy read as it is.
func encodeKey(key crypto.Signer) (PrivateKey, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return PrivateKey{}, err
	}
	return NewPrivateKey(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), nil
}

// decodeKey finds the first private key in PEM input: PKCS #8, PKCS #1 or SEC 1. Errors never quote the input.
func decodeKey(input []byte) (crypto.Signer, error) {
	for {
		var block *pem.Block
		if block, input = pem.Decode(input); block == nil {
			return nil, errors.New("no PEM private key in it")
		}
		var key any
		var err error
		switch block.Type {
		case "PRIVATE KEY":
			key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
		case "RSA PRIVATE KEY":
			key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
		case "EC PRIVATE KEY":
			key, err = x509.ParseECPrivateKey(block.Bytes)
		case "ENCRYPTED PRIVATE KEY":
			err = errors.New("encrypted keys are not supported, decrypt it first (openssl pkcs8)")
		default:
			continue
		}
		if err != nil {
			return nil, err
		}
		if signer, ok := key.(crypto.Signer); ok {
			return signer, nil
		}
		return nil, fmt.Errorf("a %T cannot sign", key)
	}
}
