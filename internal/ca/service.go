package ca

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	securityv1alpha1 "istio.io/api/security/v1alpha1"
)

// MaxRequest is the size in bytes that a gRPC server of only this service should accept for a message
// (grpc.MaxRecvMsgSize); a signing request has less than 2 KiB.
const MaxRequest = 64 << 10

// Service is Istio's certificate-signing API, istio.v1.auth.IstioCertificateService
// (https://github.com/istio/api/blob/master/security/v1alpha1/ca.proto).
//
// A caller proves its identity with a client certificate of this mesh (renewal) or else with a bearer token in the
// "authorization" metadata; the certificate is for that identity whatever the request says.
type Service struct {
	securityv1alpha1.UnimplementedIstioCertificateServiceServer
	authority     *Authority
	authenticator Authenticator
	log           *slog.Logger
	limit         *limiter
}

// NewService returns the API of authority. A nil authenticator accepts no tokens; a nil log writes nothing.
func NewService(authority *Authority, authenticator Authenticator, log *slog.Logger) *Service {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Service{
		authority: authority, authenticator: authenticator, log: log,
		limit: newLimiter(signRate, signBurst, authority.options.Now),
	}
}

// Register adds the service to a gRPC server.
func (s *Service) Register(server grpc.ServiceRegistrar) {
	securityv1alpha1.RegisterIstioCertificateServiceServer(server, s)
}

// CreateCertificate signs a request. The chain in the answer is the leaf, the intermediates, and the root last.
func (s *Service) CreateCertificate(ctx context.Context, request *securityv1alpha1.IstioCertificateRequest) (*securityv1alpha1.IstioCertificateResponse, error) {
	id, err := s.caller(ctx)
	if err != nil {
		s.log.WarnContext(ctx, "certificate refused", "reason", err)
		return nil, status.Error(codes.Unauthenticated, err.Error())
	}
	if !s.limit.allow(id) {
		return nil, status.Errorf(codes.ResourceExhausted, "%s asks for too many certificates: try again in a second", id)
	}
	if err := ctx.Err(); err != nil {
		return nil, status.FromContextError(err).Err()
	}
	public, err := requestKey([]byte(request.GetCsr()))
	if err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "certificate request: %v", err)
	}
	chain, err := s.authority.issue(public, id, nil, seconds(request.GetValidityDuration()))
	if err != nil {
		s.log.ErrorContext(ctx, "certificate not signed", "identity", id.String(), "error", err)
		return nil, status.Errorf(codes.Internal, "no certificate for %s: %v", id, err)
	}
	return &securityv1alpha1.IstioCertificateResponse{
		CertChain: append(splitPEM(chain), string(s.authority.TrustBundle())),
	}, nil
}

// caller returns who calls. The certificate goes first: a workload that renews may still carry the token, long
// expired, of its first certificate.
func (s *Service) caller(ctx context.Context) (Identity, error) {
	id, err := PeerIdentity(ctx)
	if err == nil && id.TrustDomain == s.authority.TrustDomain() {
		return id, nil
	}
	token, found := bearer(ctx)
	switch {
	case found && s.authenticator != nil:
		id, err = s.authenticator.Authenticate(ctx, token)
		if err != nil {
			return Identity{}, err
		}
		if id.TrustDomain != s.authority.TrustDomain() {
			return Identity{}, fmt.Errorf("the token is for trust domain %q, this mesh is %q", clip(id.TrustDomain), s.authority.TrustDomain())
		}
		return id, nil
	case err == nil:
		return Identity{}, fmt.Errorf("the client certificate is of trust domain %q, this mesh is %q", clip(id.TrustDomain), s.authority.TrustDomain())
	case errors.Is(err, ErrNoPeer):
		return Identity{}, errors.New("no join token and no client certificate of this mesh: send \"authorization: Bearer TOKEN\" with a token for audience " + Audience)
	}
	return Identity{}, err
}

// bearer returns the token in the call's metadata.
func bearer(ctx context.Context) (string, bool) {
	for _, value := range metadata.ValueFromIncomingContext(ctx, "authorization") {
		scheme, token, ok := strings.Cut(value, " ")
		if ok && strings.EqualFold(scheme, "Bearer") {
			return strings.TrimSpace(token), true
		}
	}
	return "", false
}

// seconds converts without overflow; the authority clamps the result.
func seconds(n int64) time.Duration {
	const most = int64(10 * 365 * 24 * time.Hour / time.Second)
	return time.Duration(min(max(n, 0), most)) * time.Second
}

// splitPEM returns each block of PEM as its own string.
func splitPEM(data []byte) []string {
	var out []string
	for {
		block, rest := pem.Decode(data)
		if block == nil {
			return out
		}
		out = append(out, string(pem.EncodeToMemory(block)))
		data = rest
	}
}
