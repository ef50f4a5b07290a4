// Package credentials reads the certificates, keys and authorities that Secrets and ConfigMaps hold for gateways. Secrets are of type
// kubernetes.io/tls (tls.crt, tls.key, ca.crt) or generic (cert, key, cacert), as Istio's API reference of credentialName says.
// Nothing that it returns for people repeats any content.
package credentials

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/meshctl/meshctl/pkg/config"
)

// Pair returns the certificate chain and the key of a Secret in PEM, nil where there is none.
func Pair(o *config.Object) (chain, key []byte) {
	return Value(o, corev1.TLSCertKey, "cert"), Value(o, corev1.TLSPrivateKeyKey, "key")
}

// Chain returns the certificates of a Secret's chain, the first being the one for its key. It ends before what is no certificate.
func Chain(o *config.Object) []*x509.Certificate {
	data, _ := Pair(o)
	var out []*x509.Certificate
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil || block.Type != "CERTIFICATE" {
			return out
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return out
		}
		out = append(out, c)
	}
}

// PairProblem says why a Secret holds no certificate with its key; empty when it does. It repeats nothing of the content.
func PairProblem(o *config.Object) string {
	cert, key := Pair(o)
	switch {
	case len(cert) == 0:
		return "it has no tls.crt or cert"
	case len(key) == 0:
		return "it has no tls.key or key"
	}
	pair, err := tls.X509KeyPair(cert, key)
	switch {
	case err != nil && strings.Contains(err.Error(), "does not match"):
		return "the key does not belong to the certificate"
	case err != nil:
		return "the certificate or the key is not valid PEM"
	}
	switch k := pair.Leaf.PublicKey.(type) {
	case *rsa.PublicKey:
		if k.N.BitLen() < 2048 {
			return "Envoy takes RSA keys of 2048 bits or more only"
		}
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() && k.Curve != elliptic.P384() && k.Curve != elliptic.P521() {
			return "Envoy takes ECDSA keys on the curves P-256, P-384 and P-521 only"
		}
	default:
		return "Envoy takes RSA and ECDSA keys only"
	}
	if mustStaple(pair.Leaf) && !Stapled(Value(o, OCSPKey), cert) {
		return "the certificate must be stapled, and there is no OCSP response for it under " + OCSPKey
	}
	return ""
}

// HasAuthorities reports whether a Secret or ConfigMap holds authorities in PEM.
func HasAuthorities(o *config.Object) bool { return Certificates(Authorities(o)) }

// Authorities finds the authorities: in a Secret of their own, that may as well be under the names of a certificate.
func Authorities(o *config.Object) []byte { return Value(o, "ca.crt", "cacert") }

// Certificates reports whether PEM data is at least one certificate and nothing broken.
func Certificates(data []byte) bool {
	found := false
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			return found
		}
		if block.Type != "CERTIFICATE" {
			return false
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return false
		}
		found = true
	}
}

// RevocationLists reports whether PEM data is at least one revocation list and nothing broken.
func RevocationLists(data []byte) bool {
	found := false
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			return found
		}
		if _, err := x509.ParseRevocationList(block.Bytes); err != nil || block.Type != "X509 CRL" {
			return false
		}
		found = true
	}
}

// Value returns the first of the keys that a Secret, or a ConfigMap, has.
func Value(o *config.Object, keys ...string) []byte {
	if m, ok := o.Spec.(*corev1.ConfigMap); ok {
		for _, k := range keys {
			if m.Data[k] != "" {
				return []byte(m.Data[k])
			}
		}
		return nil
	}
	s, ok := o.Spec.(*corev1.Secret)
	if !ok {
		return nil
	}
	for _, k := range keys {
		if len(s.Data[k]) > 0 {
			return s.Data[k]
		}
	}
	return nil
}
