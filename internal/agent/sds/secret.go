// Package sds hands the workload's certificate and trust bundle to Envoy over the secret discovery service
// (https://www.envoyproxy.io/docs/envoy/latest/configuration/security/secret), delta and state-of-the-world, on a Unix
// socket.
package sds

import (
	"crypto/sha256"
	"encoding/hex"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/meshctl/meshctl/internal/agent/certs"
)

const (
	// Default is the name of the workload's certificate and key.
	Default = "default"
	// Root is the name of the trust bundle.
	Root = "ROOTCA"

	typeURL = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"
)

// secret is one resource in the form in which it goes out.
type secret struct {
	version string
	body    *anypb.Any
}

// lookup returns a secret of the state, false while it does not exist.
func lookup(state certs.State, name string) (secret, bool) {
	switch {
	case name == Default && state.Certificate != nil:
		c := state.Certificate
		return encode(c.Chain, &tlsv3.Secret{Name: name, Type: &tlsv3.Secret_TlsCertificate{TlsCertificate: &tlsv3.TlsCertificate{
			CertificateChain: inline(c.Chain),
			PrivateKey:       inline(c.Key.Reveal()),
		}}})
	case name == Root && len(state.Roots) > 0:
		return encode(state.Roots, &tlsv3.Secret{Name: name, Type: &tlsv3.Secret_ValidationContext{
			ValidationContext: &tlsv3.CertificateValidationContext{TrustedCa: inline(state.Roots)},
		}})
	}
	return fileSecret(name)
}

func inline(data []byte) *corev3.DataSource {
	return &corev3.DataSource{Specifier: &corev3.DataSource_InlineBytes{InlineBytes: data}}
}

// encode takes the version from the public part: the key changes whenever the certificate does.
func encode(public []byte, s *tlsv3.Secret) (secret, bool) {
	body, err := anypb.New(s)
	if err != nil {
		return secret{}, false
	}
	sum := sha256.Sum256(public)
	return secret{version: hex.EncodeToString(sum[:8]), body: body}, true
}
