package registry

import (
	"context"
	"crypto/tls"
	"net"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/meshctl/meshctl/internal/agentapi"
	"github.com/meshctl/meshctl/internal/ca"
)

// plane is a registry behind a real gRPC server with mutual TLS.
type plane struct {
	registry  *Registry
	clock     *fakeClock
	entries   *recorder
	authority *ca.Authority
	address   string
	kill      func()
}

// start runs a registry; edit may change its options.
func start(t *testing.T, edit func(*Options)) *plane {
	t.Helper()
	store, err := ca.OpenStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	authority, err := ca.Open(store, ca.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p := &plane{clock: newClock(), entries: newRecorder(), authority: authority}
	p.run(t, edit)
	return p
}

func (p *plane) run(t *testing.T, edit func(*Options)) {
	t.Helper()
	o := Options{Emitter: p.entries, Clock: p.clock}
	if edit != nil {
		edit(&o)
	}
	p.registry = New(o)
	serving := p.authority.Serving(ca.Identity{TrustDomain: "cluster.local", Namespace: "istio-system", ServiceAccount: "istiod"}, "127.0.0.1")
	server := grpc.NewServer(grpc.Creds(credentials.NewTLS(ca.ServerTLS(ca.TLSOptions{
		Certificate: serving.Certificate, Bundle: p.authority.TrustBundle,
	}))))
	agentapi.RegisterAgentServer(server, p.registry)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	p.address = listener.Addr().String()
	registry := p.registry
	p.kill = func() {
		registry.Close()
		server.Stop()
		<-done
	}
	t.Cleanup(p.kill)
}

// agent is the other side of one stream.
type agent struct {
	t      *testing.T
	stream agentapi.Agent_ConnectClient
	hangUp func()
}

func (p *plane) dial(t *testing.T, certified bool, id ca.Identity) *agent {
	t.Helper()
	o := ca.TLSOptions{Bundle: p.authority.TrustBundle, ServerName: "127.0.0.1"}
	if certified {
		cert := p.certificate(t, id)
		o.Certificate = func() (*tls.Certificate, error) { return cert, nil }
	}
	conn, err := grpc.NewClient(p.address, grpc.WithTransportCredentials(credentials.NewTLS(ca.ClientTLS(o))))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	hangUp := func() {
		cancel()
		_ = conn.Close()
	}
	t.Cleanup(hangUp)
	stream, err := agentapi.NewAgentClient(conn).Connect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return &agent{t: t, stream: stream, hangUp: hangUp}
}

func (p *plane) certificate(t *testing.T, id ca.Identity) *tls.Certificate {
	t.Helper()
	key, csr, err := ca.NewRequest(id)
	if err != nil {
		t.Fatal(err)
	}
	chain, err := p.authority.Sign(csr, id, 0)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := ca.KeyPair(chain, key)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// connect registers a workload as its own identity.
func (p *plane) connect(t *testing.T, in *agentapi.Register) *agent {
	t.Helper()
	a := p.dial(t, true, identityOf(in))
	a.register(in)
	return a
}

func identityOf(in *agentapi.Register) ca.Identity {
	return ca.Identity{TrustDomain: "cluster.local", Namespace: in.GetNamespace(), ServiceAccount: in.GetServiceAccount()}
}

func (a *agent) register(in *agentapi.Register) {
	a.send(&agentapi.FromAgent{Message: &agentapi.FromAgent_Register{Register: in}})
}

func (a *agent) bind(ports map[string]uint32) {
	a.send(&agentapi.FromAgent{Message: &agentapi.FromAgent_Bindings{Bindings: &agentapi.Bindings{Ports: ports}}})
}

func (a *agent) health(healthy bool, reason string) {
	a.send(&agentapi.FromAgent{Message: &agentapi.FromAgent_Health{Health: &agentapi.Health{Healthy: healthy, Reason: reason}}})
}

func (a *agent) send(m *agentapi.FromAgent) {
	a.t.Helper()
	_ = a.stream.Send(m) // what became of it, the answer says
}

// registered waits for the two messages with which the server answers.
func (a *agent) registered() (*agentapi.Registered, *agentapi.Wanted) {
	a.t.Helper()
	first, second := a.receive(), a.receive()
	if first.GetRegistered() == nil || second.GetWanted() == nil {
		a.t.Fatalf("answers %v, %v; want Registered, Wanted", first, second)
	}
	return first.GetRegistered(), second.GetWanted()
}

func (a *agent) receive() *agentapi.FromServer {
	a.t.Helper()
	m, err := a.stream.Recv()
	if err != nil {
		a.t.Fatal(err)
	}
	return m
}

// refusal waits for the end of the stream.
func (a *agent) refusal() error {
	for {
		if _, err := a.stream.Recv(); err != nil {
			return err
		}
	}
}

// reviews is a registration that is in order.
func reviews() *agentapi.Register {
	return named("reviews-v1")
}

func named(name string) *agentapi.Register {
	return &agentapi.Register{
		Namespace: "default", Name: name, ServiceAccount: "bookinfo-reviews", Address: "127.0.0.1",
		Labels: map[string]string{"app": "reviews", "version": "v1"}, Ports: map[uint32]uint32{9080: 35001},
		NodeId: "sidecar~127.0.0.1~" + name + ".default~default.svc.cluster.local", Instance: "first",
		AdminAddress: "127.0.0.1:15000", StatusAddress: "127.0.0.1:15021", AgentVersion: "1.0",
	}
}

// up connects a workload and waits until its entry is there.
func (p *plane) up(t *testing.T, in *agentapi.Register) *agent {
	t.Helper()
	a := p.connect(t, in)
	a.registered()
	a.bind(map[string]uint32{"inbound|9080": 41000})
	p.entries.wait(t, in.GetName(), "is bound", bound("9080", 41000))
	return a
}
