package controlplanetest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/meshctl/meshctl/internal/ca"
)

// DialPlaintext connects to the port without certificates.
func (p *Plane) DialPlaintext(t testing.TB) *grpc.ClientConn {
	t.Helper()
	return dial(t, p.Plaintext, insecure.NewCredentials())
}

// Dial connects to the TLS port as a service account; without one, with no certificate.
func (p *Plane) Dial(t testing.TB, namespace, account string) *grpc.ClientConn {
	t.Helper()
	o := ca.TLSOptions{Bundle: p.Authority.TrustBundle, ServerName: "istiod.istio-system.svc"}
	if account != "" {
		pair := Certificate(t, p.Authority, ca.Identity{TrustDomain: p.Authority.TrustDomain(), Namespace: namespace, ServiceAccount: account})
		o.Certificate = func() (*tls.Certificate, error) { return pair, nil }
	}
	return dial(t, p.Secure, credentials.NewTLS(ca.ClientTLS(o)))
}

// Certificate returns one that authority signs.
func Certificate(t testing.TB, authority *ca.Authority, id ca.Identity) *tls.Certificate {
	t.Helper()
	key, request, err := ca.NewRequest(id)
	check(t, err)
	chain, err := authority.Sign(request, id, time.Hour)
	check(t, err)
	pair, err := ca.KeyPair(chain, key)
	check(t, err)
	return pair
}

func dial(t testing.TB, address string, creds credentials.TransportCredentials) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(creds), grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(1<<30)))
	check(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// ServerCertificate returns a self-signed certificate for a DNS name and its key, in PEM.
func ServerCertificate(t testing.TB, name string) (chain, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	check(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(k)
	check(t, err)
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	return block("CERTIFICATE", der), block("PRIVATE KEY", private)
}
