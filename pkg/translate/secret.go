package translate

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	corev1 "k8s.io/api/core/v1"

	"github.com/meshctl/meshctl/pkg/config"
)

// SecretInput is what one credential of a gateway depends on.
type SecretInput struct {
	// Name of the credential without prefix; with CASuffix it is the authorities of client certificates.
	Name string
	// Secret of that name, or without CASuffix where there is none; authorities may be in a ConfigMap as well.
	Secret *config.Object
	// CA asks for the authorities instead of the certificate.
	CA bool
}

// Secret returns a credential under the name "kubernetes://NAME", or nil with a problem that names no content when the Secret
// holds nothing that Envoy could use. Secrets are of type kubernetes.io/tls (tls.crt, tls.key, ca.crt) or generic
// (cert, key, cacert).
func Secret(in SecretInput) (*tlsv3.Secret, []config.Problem) {
	notes := &problems{}
	if in.Secret == nil {
		return nil, nil
	}
	notes.object = in.Secret.Key
	out := &tlsv3.Secret{Name: CredentialPrefix + in.Name}
	if in.CA {
		roots := authoritiesOf(in.Secret)
		if !certificates(roots) {
			notes.fail("data", "no certificate authorities in PEM", "put them under ca.crt or cacert")
			return nil, notes.list
		}
		context := &tlsv3.CertificateValidationContext{TrustedCa: inline(roots)}
		if crl := value(in.Secret, "ca.crl", "crl"); len(crl) > 0 {
			if !revocationLists(crl) { // without it, revoked certificates would be taken
				notes.fail("data", "the certificate revocation list is not valid PEM", "correct or remove ca.crl (or crl)")
				return nil, notes.list
			}
			context.Crl = inline(crl)
		}
		out.Type = &tlsv3.Secret_ValidationContext{ValidationContext: context}
		return out, nil
	}
	if reason := pairProblem(in.Secret); reason != "" {
		notes.fail("data", "not usable for TLS: "+reason, "put a matching certificate and key into it")
		return nil, notes.list
	}
	certificate := &tlsv3.TlsCertificate{
		CertificateChain: inline(value(in.Secret, corev1.TLSCertKey, "cert")), PrivateKey: inline(value(in.Secret, corev1.TLSPrivateKeyKey, "key")),
	}
	if staple := value(in.Secret, ocspKey); len(staple) > 0 {
		if stapled(staple, certificate.CertificateChain.GetInlineBytes()) {
			certificate.OcspStaple = inline(staple)
		} else {
			notes.warn("data", "the OCSP response under "+ocspKey+" is not one for the certificate; it is left out", "put the response in DER form there")
		}
	}
	out.Type = &tlsv3.Secret_TlsCertificate{TlsCertificate: certificate}
	return out, notes.list
}

// pairProblem says why a Secret holds no certificate with its key; empty when it does. It repeats nothing of the content.
func pairProblem(o *config.Object) string {
	cert, key := value(o, corev1.TLSCertKey, "cert"), value(o, corev1.TLSPrivateKeyKey, "key")
	switch {
	case len(cert) == 0:
		return "it has no tls.crt or cert"
	case len(key) == 0:
		return "it has no tls.key or key"
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return "the certificate and the key are not valid PEM or do not match"
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
	if mustStaple(pair.Leaf) && !stapled(value(o, ocspKey), cert) {
		return "the certificate must be stapled, and there is no OCSP response for it under " + ocspKey
	}
	return ""
}

func hasAuthorities(o *config.Object) bool { return certificates(authoritiesOf(o)) }

// authoritiesOf finds the authorities: in a Secret of their own, that may as well be under the names of a certificate.
func authoritiesOf(o *config.Object) []byte { return value(o, "ca.crt", "cacert") }

// certificates reports whether PEM data is at least one certificate and nothing broken.
func certificates(data []byte) bool {
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

// revocationLists reports whether PEM data is at least one revocation list and nothing broken.
func revocationLists(data []byte) bool {
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

// value returns the first of the keys that a Secret, or a ConfigMap, has.
func value(o *config.Object, keys ...string) []byte {
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

func inline(data []byte) *corev3.DataSource {
	return &corev3.DataSource{Specifier: &corev3.DataSource_InlineBytes{InlineBytes: data}}
}
