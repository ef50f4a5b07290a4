// Package agenttest is a control plane for tests of the agent: the real certificate authority, the agent's stream, and
// discovery that serves what the test sets.
package agenttest

import (
	"context"
	"maps"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	cachev3 "github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	serverv3 "github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/meshctl/meshctl/internal/agentapi"
	"github.com/meshctl/meshctl/internal/ca"
)

// ServerName is in the control plane's certificate.
const ServerName = "istiod.istio-system.svc"

// ControlPlane listens on loopback until the test ends.
type ControlPlane struct {
	Address   string
	RootFile  string
	TokenFile string
	Authority *ca.Authority
	Tokens    *ca.Tokens
	// Agents counts and remembers the agents' streams.
	Agents *Agents

	cache  cachev3.SnapshotCache
	server *grpc.Server
	tls    grpc.ServerOption
}

// everybody makes all proxies share one snapshot.
type everybody struct{}

func (everybody) ID(*corev3.Node) string { return "all" }

// Start starts a control plane. The token is for the service account default/sa.
func Start(t testing.TB) *ControlPlane {
	t.Helper()
	return StartLate(t, 0)
}

// StartLate starts one whose authority's clock is late: its certificates end the sooner.
func StartLate(t testing.TB, late time.Duration) *ControlPlane {
	t.Helper()
	store, err := ca.OpenStore(t.TempDir())
	check(t, err)
	authority, err := ca.Open(store, ca.Options{Now: func() time.Time { return time.Now().Add(-late) }})
	check(t, err)
	tokens, err := ca.OpenTokens(store, ca.Options{})
	check(t, err)
	token, err := tokens.Issue("default", "sa", 0)
	check(t, err)
	dir := t.TempDir()
	c := &ControlPlane{
		RootFile: filepath.Join(dir, "root.pem"), TokenFile: filepath.Join(dir, "token"),
		Authority: authority, Tokens: tokens, Agents: newAgents(), cache: cachev3.NewSnapshotCache(true, everybody{}, nil),
	}
	check(t, os.WriteFile(c.RootFile, authority.TrustBundle(), 0o600))
	check(t, os.WriteFile(c.TokenFile, []byte(token+"\n"), 0o600))
	serving := authority.Serving(ca.Identity{TrustDomain: "cluster.local", Namespace: "istio-system", ServiceAccount: "istiod"}, ServerName)
	c.tls = grpc.Creds(credentials.NewTLS(ca.ServerTLS(ca.TLSOptions{Certificate: serving.Certificate, Bundle: authority.TrustBundle})))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	c.Address = listener.Addr().String()
	c.serve(t, listener)
	return c
}

func (c *ControlPlane) serve(t testing.TB, listener net.Listener) {
	ctx, cancel := context.WithCancel(context.Background())
	c.server = grpc.NewServer(c.tls)
	ca.NewService(c.Authority, c.Tokens, nil).Register(c.server)
	agentapi.RegisterAgentServer(c.server, c.Agents)
	discoveryv3.RegisterAggregatedDiscoveryServiceServer(c.server, serverv3.NewServer(ctx, c.cache, nil))
	done := make(chan struct{})
	server := c.server
	go func() { defer close(done); _ = server.Serve(listener) }()
	t.Cleanup(func() { cancel(); server.Stop(); <-done })
}

// Restart ends all connections and listens again at the same address.
func (c *ControlPlane) Restart(t testing.TB) {
	t.Helper()
	c.server.Stop()
	listener, err := net.Listen("tcp", c.Address)
	check(t, err)
	c.serve(t, listener)
}

// Stop ends all connections and listens no more.
func (c *ControlPlane) Stop() { c.server.Stop() }

// Set serves listeners and clusters to every proxy under a version.
func (c *ControlPlane) Set(t testing.TB, version string, listeners, clusters []types.Resource) {
	t.Helper()
	snapshot, err := cachev3.NewSnapshot(version, map[resourcev3.Type][]types.Resource{
		resourcev3.ListenerType: listeners, resourcev3.ClusterType: clusters,
	})
	check(t, err)
	check(t, c.cache.SetSnapshot(context.Background(), "all", snapshot))
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Agents is the server of the agents' streams.
type Agents struct {
	agentapi.UnimplementedAgentServer
	mu         sync.Mutex
	wanted     []*agentapi.Listen
	probe      string
	registered []*agentapi.Register
	bindings   map[string]uint32
	health     *agentapi.Health
	serial     string
	send       map[chan *agentapi.FromServer]bool
	peer       ca.Identity
	answer     *agentapi.ProxyConfigResponse
	asked      []*agentapi.ProxyConfigRequest
}

func newAgents() *Agents { return &Agents{send: map[chan *agentapi.FromServer]bool{}} }

// Want sets the listeners and the readiness probe of every agent, now and at registration.
func (a *Agents) Want(probe string, listens ...*agentapi.Listen) {
	a.mu.Lock()
	a.wanted, a.probe = listens, probe
	a.mu.Unlock()
	a.broadcast(want(listens))
}

// Rotate asks every agent for a new certificate.
func (a *Agents) Rotate() {
	a.broadcast(&agentapi.FromServer{Message: &agentapi.FromServer_Rotate{Rotate: &agentapi.Rotate{}}})
}

func (a *Agents) broadcast(m *agentapi.FromServer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for send := range a.send {
		send <- m
	}
}

// Seen returns every registration, the last bindings and health, and the identity of the last peer.
func (a *Agents) Seen() (registered []*agentapi.Register, bindings map[string]uint32, health *agentapi.Health, peer ca.Identity) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append(registered, a.registered...), maps.Clone(a.bindings), a.health, a.peer
}

// Serial is that of the certificate that an agent reported last.
func (a *Agents) Serial() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.serial
}

// Connect implements agentapi.AgentServer.
func (a *Agents) Connect(stream agentapi.Agent_ConnectServer) error {
	peer, err := ca.PeerIdentity(stream.Context())
	if err != nil {
		return err
	}
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	send := make(chan *agentapi.FromServer, 16)
	a.mu.Lock()
	a.registered, a.peer = append(a.registered, first.GetRegister()), peer
	a.send[send] = true
	send <- &agentapi.FromServer{Message: &agentapi.FromServer_Registered{Registered: &agentapi.Registered{
		WorkloadEntry: first.GetRegister().GetNamespace() + "/" + first.GetRegister().GetName(), ReadinessProbeJson: a.probe,
	}}}
	send <- want(a.wanted)
	a.mu.Unlock()
	defer func() { a.mu.Lock(); delete(a.send, send); a.mu.Unlock() }()
	go a.receive(stream)
	for {
		select {
		case <-stream.Context().Done():
			return stream.Context().Err()
		case m := <-send:
			if err := stream.Send(m); err != nil {
				return err
			}
		}
	}
}

func want(listens []*agentapi.Listen) *agentapi.FromServer {
	return &agentapi.FromServer{Message: &agentapi.FromServer_Wanted{Wanted: &agentapi.Wanted{Listens: listens}}}
}

func (a *Agents) receive(stream agentapi.Agent_ConnectServer) {
	for {
		m, err := stream.Recv()
		if err != nil {
			return
		}
		a.mu.Lock()
		if b := m.GetBindings(); b != nil {
			a.bindings = b.GetPorts()
		}
		if h := m.GetHealth(); h != nil {
			a.health = h
		}
		if c := m.GetCertificate(); c != nil {
			a.serial = c.GetSerial()
		}
		a.mu.Unlock()
	}
}
