package credentials

import (
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"

	"golang.org/x/crypto/ocsp"
)

// OCSPKey of a Secret holds an OCSP response (DER) for its certificate, as Istio's API reference of credentialName says.
const OCSPKey = "tls.ocsp-staple"

// Stapled reports whether a response is one for the first certificate of a chain: Envoy refuses the certificate with any other.
func Stapled(response, chain []byte) bool {
	block, _ := pem.Decode(chain)
	if block == nil {
		return false
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return false
	}
	parsed, err := ocsp.ParseResponse(response, nil)
	return err == nil && parsed.SerialNumber.Cmp(leaf.SerialNumber) == 0
}

// mustStaple reports whether clients refuse the certificate without an OCSP response (RFC 7633), as Envoy does too.
func mustStaple(leaf *x509.Certificate) bool {
	feature := asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 24}
	for _, e := range leaf.Extensions {
		if e.Id.Equal(feature) {
			return true
		}
	}
	return false
}
