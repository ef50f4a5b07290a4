package ca

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	securityv1alpha1 "istio.io/api/security/v1alpha1"
)

const deadline = 20 * time.Second

// server is a running certificate service on loopback.
type server struct {
	clock     *clock
	authority *Authority
	tokens    *Tokens
	service   *Service
	serving   *Serving
	address   string
}

func startServer(t *testing.T) *server {
	t.Helper()
	c := newClock()
	s := &server{clock: c, authority: testAuthority(t, c), tokens: testTokens(t, c)}
	s.serving = s.authority.Serving(Identity{"cluster.local", "istio-system", "istiod"}, "istiod.istio-system.svc", "localhost", "127.0.0.1")
	s.service = NewService(s.authority, s.tokens, nil)
	config := ServerTLS(TLSOptions{Certificate: s.serving.Certificate, Bundle: s.authority.TrustBundle, Now: c.now})
	s.address = serve(t, grpc.Creds(credentials.NewTLS(config)), s.service)
	return s
}

func serve(t *testing.T, creds grpc.ServerOption, service *Service) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer(creds, grpc.MaxRecvMsgSize(MaxRequest))
	service.Register(g)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = g.Serve(listener)
	}()
	t.Cleanup(func() { g.Stop(); <-done })
	return listener.Addr().String()
}

// call asks for a certificate over a connection of its own.
func (s *server) call(t *testing.T, cert *tls.Certificate, token string, request *securityv1alpha1.IstioCertificateRequest) (*securityv1alpha1.IstioCertificateResponse, error) {
	t.Helper()
	o := TLSOptions{Bundle: s.authority.TrustBundle, ServerName: "istiod.istio-system.svc", Now: s.clock.now}
	if cert != nil {
		o.Certificate = func() (*tls.Certificate, error) { return cert, nil }
	}
	return call(t, s.address, credentials.NewTLS(ClientTLS(o)), token, request)
}

func call(t *testing.T, address string, creds credentials.TransportCredentials, token string, request *securityv1alpha1.IstioCertificateRequest) (*securityv1alpha1.IstioCertificateResponse, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(creds))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if token != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
	}
	return securityv1alpha1.NewIstioCertificateServiceClient(conn).CreateCertificate(ctx, request)
}

// join gets a certificate for an identity with a token.
func (s *server) join(t *testing.T, id Identity) *tls.Certificate {
	t.Helper()
	token, err := s.tokens.Issue(id.Namespace, id.ServiceAccount, 0)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := s.renew(t, nil, token, id)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func (s *server) renew(t *testing.T, old *tls.Certificate, token string, id Identity) (*tls.Certificate, error) {
	t.Helper()
	key, csr := testRequest(t, id)
	response, err := s.call(t, old, token, &securityv1alpha1.IstioCertificateRequest{Csr: string(csr), ValidityDuration: 3600})
	if err != nil {
		return nil, err
	}
	n := len(response.GetCertChain())
	if n < 2 || response.GetCertChain()[n-1] != string(s.authority.TrustBundle()) {
		t.Fatalf("chain of %d, want the leaf first and the root last", n)
	}
	cert, err := KeyPair([]byte(strings.Join(response.GetCertChain()[:n-1], "")), key)
	if err != nil {
		t.Fatal(err)
	}
	return cert, nil
}

func TestCreateCertificate(t *testing.T) {
	s := startServer(t)
	cert := s.join(t, reviews)
	if id, err := CertificateIdentity(cert.Leaf); err != nil || id != reviews {
		t.Errorf("identity %v, %v", id, err)
	}
	if got := cert.Leaf.NotAfter.Sub(s.clock.now()); got != time.Hour {
		t.Errorf("lives for %s, asked for an hour", got)
	}
}

func TestCreateCertificateIsForTheCallerOnly(t *testing.T) {
	s := startServer(t)
	token, err := s.tokens.Issue("default", "bookinfo-reviews", 0)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := s.renew(t, nil, token, Identity{"cluster.local", "istio-system", "istiod"})
	if err != nil {
		t.Fatal(err)
	}
	if id, err := CertificateIdentity(cert.Leaf); err != nil || id != reviews {
		t.Errorf("identity %v, %v", id, err)
	}
}

// Two hours of the life of certificates of one hour: each buys the next, the token is long expired, the server's own
// certificate rotates too and nothing is restarted.
func TestRenewWithCertificate(t *testing.T) {
	s := startServer(t)
	s.authority.options.DefaultTTL = time.Hour // of the server's certificate
	token, err := s.tokens.Issue("default", "bookinfo-reviews", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := s.renew(t, nil, token, reviews)
	if err != nil {
		t.Fatal(err)
	}
	first, err := s.serving.Certificate()
	if err != nil {
		t.Fatal(err)
	}
	for range 4 {
		s.clock.add(30 * time.Minute)
		if cert, err = s.renew(t, cert, token, reviews); err != nil {
			t.Fatal(err)
		}
		if id, err := CertificateIdentity(cert.Leaf); err != nil || id != reviews {
			t.Fatalf("identity %v, %v", id, err)
		}
	}
	last, err := s.serving.Certificate()
	if err != nil {
		t.Fatal(err)
	}
	if last == first || first.Leaf.NotAfter.After(s.clock.now()) {
		t.Error("the server's certificate did not rotate")
	}
	s.clock.add(2 * time.Hour)
	if _, err := s.renew(t, cert, "", reviews); err == nil {
		t.Error("an expired certificate bought a new one")
	}
}

func TestUnauthenticated(t *testing.T) {
	s := startServer(t)
	_, csr := testRequest(t, reviews)
	request := &securityv1alpha1.IstioCertificateRequest{Csr: string(csr)}
	old, err := s.tokens.Issue("default", "bookinfo-reviews", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	s.clock.add(time.Hour)
	for name, tc := range map[string]struct{ token, want string }{
		"nothing":      {"", "no join token"},
		"garbage":      {"garbage", "not a JWT"},
		"expired":      {old, "expired"},
		"another mesh": {foreignToken(t, s.clock), "not signed by this mesh"},
	} {
		_, err := s.call(t, nil, tc.token, request)
		if status.Code(err) != codes.Unauthenticated {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
	s.service.authenticator = nil
	if _, err := s.call(t, nil, old, request); status.Code(err) != codes.Unauthenticated {
		t.Errorf("without an authenticator: %v", err)
	}
}

func foreignToken(t *testing.T, c *clock) string {
	t.Helper()
	token, err := testTokens(t, c).Issue("default", "bookinfo-reviews", 0)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// A certificate of another mesh's CA, or of a client that does not know this mesh's root, never gets past TLS.
func TestForeignCertificates(t *testing.T) {
	s := startServer(t)
	foreign := testAuthority(t, s.clock)
	key, csr := testRequest(t, reviews)
	chain, err := foreign.Sign(csr, reviews, 0)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := KeyPair(chain, key)
	if err != nil {
		t.Fatal(err)
	}
	request := &securityv1alpha1.IstioCertificateRequest{Csr: string(csr)}
	if _, err := s.call(t, cert, "", request); status.Code(err) != codes.Unavailable {
		t.Errorf("a foreign client certificate: %v", err)
	}
	for name, o := range map[string]TLSOptions{
		"foreign root": {Bundle: foreign.TrustBundle, ServerName: "istiod.istio-system.svc", Now: s.clock.now},
		"other name":   {Bundle: s.authority.TrustBundle, ServerName: "example.com", Now: s.clock.now},
		"no bundle":    {Bundle: func() []byte { return nil }, ServerName: "istiod.istio-system.svc", Now: s.clock.now},
	} {
		if _, err := call(t, s.address, credentials.NewTLS(ClientTLS(o)), "", request); status.Code(err) != codes.Unavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPlaintextHasNoIdentity(t *testing.T) {
	s := startServer(t)
	address := serve(t, grpc.Creds(insecure.NewCredentials()), s.service)
	_, csr := testRequest(t, reviews)
	request := &securityv1alpha1.IstioCertificateRequest{Csr: string(csr)}
	if _, err := call(t, address, insecure.NewCredentials(), "", request); status.Code(err) != codes.Unauthenticated {
		t.Errorf("plaintext caller: %v", err)
	}
}

func TestBadRequests(t *testing.T) {
	s := startServer(t)
	cert := s.join(t, reviews)
	for csr, want := range map[string]codes.Code{
		"":                                codes.InvalidArgument,
		"garbage":                         codes.InvalidArgument,
		strings.Repeat("x", maxCSR+1):     codes.InvalidArgument,
		strings.Repeat("x", MaxRequest+1): codes.ResourceExhausted,
	} {
		if _, err := s.call(t, cert, "", &securityv1alpha1.IstioCertificateRequest{Csr: csr}); status.Code(err) != want {
			t.Errorf("request of %d bytes: %v, want %s", len(csr), err, want)
		}
	}
	for _, validity := range []int64{-1 << 63, 1<<63 - 1} {
		_, csr := testRequest(t, reviews)
		if _, err := s.call(t, cert, "", &securityv1alpha1.IstioCertificateRequest{Csr: string(csr), ValidityDuration: validity}); err != nil {
			t.Errorf("validity %d: %v", validity, err)
		}
	}
}

func TestRateLimit(t *testing.T) {
	s := startServer(t)
	s.service.limit = newLimiter(1, 2, s.clock.now)
	cert := s.join(t, reviews)
	if _, err := s.renew(t, cert, "", reviews); err != nil {
		t.Fatal(err)
	}
	if _, err := s.renew(t, cert, "", reviews); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("third request at once: %v", err)
	}
	s.join(t, Identity{"cluster.local", "default", "other"}) // has a limit of its own
	s.clock.add(time.Second)
	if _, err := s.renew(t, cert, "", reviews); err != nil {
		t.Errorf("after a second: %v", err)
	}
	s.clock.add(time.Minute)
	if s.service.limit.allow(reviews); len(s.service.limit.buckets) != 1 {
		t.Errorf("%d buckets kept, want the one in use", len(s.service.limit.buckets))
	}
}

func TestPeerIdentityWithoutPeer(t *testing.T) {
	if id, err := PeerIdentity(t.Context()); err == nil {
		t.Errorf("identity %v of nobody", id)
	}
	if id, err := CertificateIdentity(&x509.Certificate{}); err == nil {
		t.Errorf("identity %v of an empty certificate", id)
	}
}

func TestServingKeepsTheOldWhileTheCAFails(t *testing.T) {
	c := newClock()
	a := testAuthority(t, c)
	serving := a.Serving(Identity{"cluster.local", "istio-system", "istiod"}, "localhost")
	first, err := serving.Certificate()
	if err != nil {
		t.Fatal(err)
	}
	c.add(13 * time.Hour)
	a.options.TrustDomain = "moved" // every further signature fails
	if got, err := serving.Certificate(); err != nil || got != first {
		t.Errorf("past half of its life: %v", err)
	}
	c.add(12 * time.Hour)
	if _, err := serving.Certificate(); err == nil {
		t.Error("an expired certificate is served")
	}
}

func BenchmarkSign(b *testing.B) {
	a := testAuthority(b, newClock())
	_, csr := testRequest(b, reviews)
	for b.Loop() {
		if _, err := a.Sign(csr, reviews, 0); err != nil {
			b.Fatal(err)
		}
	}
}
