package sds_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	secretv3 "github.com/envoyproxy/go-control-plane/envoy/service/secret/v3"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/meshctl/meshctl/internal/agent/certs"
	"github.com/meshctl/meshctl/internal/agent/discovery"
	"github.com/meshctl/meshctl/internal/agent/sds"
	"github.com/meshctl/meshctl/internal/ca"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// source is set by hand.
type source struct {
	mu      sync.Mutex
	state   certs.State
	changed chan struct{}
}

func (s *source) Current() (certs.State, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state, s.changed
}

func (s *source) set(state certs.State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = state
	close(s.changed)
	s.changed = make(chan struct{})
}

func certificate(chain string) certs.State {
	return certs.State{
		Certificate: &certs.Certificate{Chain: []byte(chain), Key: ca.NewPrivateKey([]byte("key of " + chain))}, Roots: []byte("roots"),
	}
}

func start(t *testing.T, s *source) secretv3.SecretDiscoveryServiceClient {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	listener, err := discovery.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("socket %v, %v", info, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- discovery.Serve(ctx, listener, sds.New(s, nil)) }()
	conn, err := grpc.NewClient("unix:"+path, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve = %v", err)
		}
	})
	return secretv3.NewSecretDiscoveryServiceClient(conn)
}

func deadline(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// content returns the public and the private part of a secret.
func content(t *testing.T, body *anypb.Any) string {
	t.Helper()
	var secret tlsv3.Secret
	if err := body.UnmarshalTo(&secret); err != nil {
		t.Fatal(err)
	}
	if roots := secret.GetValidationContext(); roots != nil {
		return secret.GetName() + "=" + string(roots.GetTrustedCa().GetInlineBytes())
	}
	pair := secret.GetTlsCertificate()
	return secret.GetName() + "=" + string(pair.GetCertificateChain().GetInlineBytes()) + "," + string(pair.GetPrivateKey().GetInlineBytes())
}

// A secret that comes late is sent when it is there, and again when it changes.
func TestStateOfTheWorld(t *testing.T) {
	s := &source{changed: make(chan struct{})}
	stream, err := start(t, s).StreamSecrets(deadline(t))
	if err != nil {
		t.Fatal(err)
	}
	ask := func(nonce, version string) {
		if err := stream.Send(&discoveryv3.DiscoveryRequest{ResourceNames: []string{sds.Default}, ResponseNonce: nonce, VersionInfo: version}); err != nil {
			t.Fatal(err)
		}
	}
	ask("", "")
	nonce := ""
	for _, chain := range []string{"one", "two"} {
		s.set(certificate(chain))
		r, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if got, want := content(t, r.GetResources()[0]), "default="+chain+",key of "+chain; got != want || len(r.GetResources()) != 1 || r.GetNonce() == nonce {
			t.Errorf("got %q, want %q (%v)", got, want, r)
		}
		nonce = r.GetNonce()
		ask(nonce, r.GetVersionInfo())
	}
}

func TestDelta(t *testing.T) {
	s := &source{changed: make(chan struct{})}
	client := start(t, s)
	stream, err := client.DeltaSecrets(deadline(t))
	if err != nil {
		t.Fatal(err)
	}
	send := func(r *discoveryv3.DeltaDiscoveryRequest) {
		if err := stream.Send(r); err != nil {
			t.Fatal(err)
		}
	}
	receive := func() map[string]string {
		r, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for _, resource := range r.GetResources() {
			got[content(t, resource.GetResource())] = resource.GetVersion()
		}
		send(&discoveryv3.DeltaDiscoveryRequest{ResponseNonce: r.GetNonce()})
		return got
	}
	send(&discoveryv3.DeltaDiscoveryRequest{ResourceNamesSubscribe: []string{sds.Default, sds.Root, "unknown"}})
	s.set(certificate("one"))
	first := receive()
	if len(first) != 2 || first["default=one,key of one"] == "" || first["ROOTCA=roots"] == "" {
		t.Errorf("first response %v", first)
	}
	s.set(certificate("two"))
	second := receive()
	if len(second) != 1 || second["default=two,key of two"] == "" {
		t.Errorf("second response %v, want only what changed", second)
	}
	// A reconnect that knows the present version of one gets the other.
	if stream, err = client.DeltaSecrets(deadline(t)); err != nil {
		t.Fatal(err)
	}
	send(&discoveryv3.DeltaDiscoveryRequest{
		ResourceNamesSubscribe:  []string{sds.Default, sds.Root},
		InitialResourceVersions: map[string]string{sds.Default: second["default=two,key of two"]},
	})
	if got := receive(); len(got) != 1 || got["ROOTCA=roots"] == "" {
		t.Errorf("after a reconnect %v, want ROOTCA only", got)
	}
}

func TestListenReplacesStaleSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	stale, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	stale.(*net.UnixListener).SetUnlinkOnClose(false)
	stale.Close()
	listener, err := discovery.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
}
