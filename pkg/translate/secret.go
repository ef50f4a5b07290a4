package translate

import (
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh/credentials"
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
		roots := credentials.Authorities(in.Secret)
		if !credentials.Certificates(roots) {
			notes.fail("data", "no certificate authorities in PEM", "put them under ca.crt or cacert")
			return nil, notes.list
		}
		context := &tlsv3.CertificateValidationContext{TrustedCa: inline(roots)}
		if crl := credentials.Value(in.Secret, "ca.crl", "crl"); len(crl) > 0 {
			if !credentials.RevocationLists(crl) { // without it, revoked certificates would be taken
				notes.fail("data", "the certificate revocation list is not valid PEM", "correct or remove ca.crl (or crl)")
				return nil, notes.list
			}
			context.Crl = inline(crl)
		}
		out.Type = &tlsv3.Secret_ValidationContext{ValidationContext: context}
		return out, nil
	}
	if reason := credentials.PairProblem(in.Secret); reason != "" {
		notes.fail("data", "not usable for TLS: "+reason, "put a matching certificate and key into it")
		return nil, notes.list
	}
	chain, key := credentials.Pair(in.Secret)
	certificate := &tlsv3.TlsCertificate{CertificateChain: inline(chain), PrivateKey: inline(key)}
	if staple := credentials.Value(in.Secret, credentials.OCSPKey); len(staple) > 0 {
		if credentials.Stapled(staple, certificate.CertificateChain.GetInlineBytes()) {
			certificate.OcspStaple = inline(staple)
		} else {
			notes.warn("data", "the OCSP response under "+credentials.OCSPKey+" is not one for the certificate; it is left out", "put the response in DER form there")
		}
	}
	out.Type = &tlsv3.Secret_TlsCertificate{TlsCertificate: certificate}
	return out, notes.list
}

func inline(data []byte) *corev3.DataSource {
	return &corev3.DataSource{Specifier: &corev3.DataSource_InlineBytes{InlineBytes: data}}
}
