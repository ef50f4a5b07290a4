package certs

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	securityv1alpha1 "istio.io/api/security/v1alpha1"

	"github.com/meshctl/meshctl/internal/agent/dial"
)

// Signer asks a certificate authority.
type Signer interface {
	// Sign returns the PEM chain for a PEM signing request: leaf, intermediates, roots. The caller is known by its present
	// certificate, or by its token when present is nil.
	Sign(ctx context.Context, request []byte, ttl time.Duration, present *Certificate) ([]string, error)
}

// Remote is the Signer that speaks Istio's certificate-signing API (istio.v1.auth.IstioCertificateService).
type Remote struct {
	Target dial.Target
	// TokenFile is read anew for each request: Kubernetes rotates it.
	TokenFile string
	// Timeout of one request; 10 s when zero.
	Timeout time.Duration
}

// Sign implements Signer. Each request has its own connection, since it is hours to the next one.
func (r Remote) Sign(ctx context.Context, request []byte, ttl time.Duration, present *Certificate) ([]string, error) {
	timeout := r.Timeout
	if timeout == 0 {
		timeout = 10 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var certificate func() (*tls.Certificate, error)
	if present == nil {
		token, err := r.token()
		if err != nil {
			return nil, err
		}
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
	} else {
		certificate = func() (*tls.Certificate, error) { return present.Pair, nil }
	}
	conn, err := r.Target.Connect(certificate)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	answer, err := securityv1alpha1.NewIstioCertificateServiceClient(conn).CreateCertificate(ctx,
		&securityv1alpha1.IstioCertificateRequest{Csr: string(request), ValidityDuration: int64(ttl / time.Second)})
	if err != nil {
		return nil, fmt.Errorf("certificate authority %s: %s: %s", r.Target.Address, status.Code(err), status.Convert(err).Message())
	}
	return answer.GetCertChain(), nil
}

func (r Remote) token() (string, error) {
	data, err := os.ReadFile(r.TokenFile)
	if err != nil {
		return "", fmt.Errorf("token for the first certificate: %w", err)
	}
	token := strings.TrimSpace(string(data))
	if token == "" {
		return "", fmt.Errorf("token for the first certificate: %s is empty", r.TokenFile)
	}
	if strings.ContainsFunc(token, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return "", fmt.Errorf("token for the first certificate: %s holds something else", r.TokenFile)
	}
	return token, nil
}
