package ca

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
)

// ErrNoPeer is the error of PeerIdentity for a caller without a verified certificate.
var ErrNoPeer = errors.New("the caller has no client certificate of this mesh")

// PeerIdentity returns the identity in the verified client certificate of a gRPC call.
func PeerIdentity(ctx context.Context) (Identity, error) {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return Identity{}, ErrNoPeer
	}
	info, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok || len(info.State.VerifiedChains) == 0 || len(info.State.VerifiedChains[0]) == 0 {
		return Identity{}, ErrNoPeer
	}
	return CertificateIdentity(info.State.VerifiedChains[0][0])
}

// CertificateIdentity returns the identity in a certificate, which must have exactly one URI name (the rule of
// https://github.com/spiffe/spiffe/blob/main/standards/X509-SVID.md). It verifies nothing else.
func CertificateIdentity(cert *x509.Certificate) (Identity, error) {
	if n := len(cert.URIs); n != 1 {
		return Identity{}, fmt.Errorf("the certificate has %d URI names, a workload's has exactly one", n)
	}
	return Parse(cert.URIs[0].String())
}
