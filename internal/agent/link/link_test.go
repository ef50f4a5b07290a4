package link_test

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/meshctl/meshctl/internal/agent/link"
	"github.com/meshctl/meshctl/internal/agentapi"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server hands each stream to the test.
type server struct {
	agentapi.UnimplementedAgentServer
	streams chan conversation
}

type conversation struct {
	agentapi.Agent_ConnectServer
	end chan error
}

func (s *server) Connect(stream agentapi.Agent_ConnectServer) error {
	c := conversation{stream, make(chan error)}
	select {
	case s.streams <- c:
	case <-stream.Context().Done():
		return stream.Context().Err()
	}
	select {
	case err := <-c.end:
		return err
	case <-stream.Context().Done():
		return stream.Context().Err()
	}
}

// next is the text of the next message of a stream.
func (c conversation) next(t *testing.T) string {
	t.Helper()
	m, err := c.Recv()
	if err != nil {
		t.Fatal(err)
	}
	// The text form has a random number of spaces.
	return strings.Join(strings.Fields(m.String()), " ")
}

func (c conversation) say(t *testing.T, m *agentapi.FromServer) {
	t.Helper()
	if err := c.Send(m); err != nil {
		t.Fatal(err)
	}
}

type parts struct {
	client  *link.Client
	streams chan conversation
	rotated chan struct{}
	probes  chan string
}

func start(t *testing.T) parts {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{streams: make(chan conversation)}
	g := grpc.NewServer()
	agentapi.RegisterAgentServer(g, s)
	var running sync.WaitGroup
	running.Go(func() { _ = g.Serve(listener) })
	p := parts{streams: s.streams, rotated: make(chan struct{}, 1), probes: make(chan string, 8)}
	p.client = link.New(link.Options{
		Connect: func() (*grpc.ClientConn, error) {
			return grpc.NewClient("passthrough:///"+listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
		},
		Register:   func() *agentapi.Register { return &agentapi.Register{Name: "a"} },
		Registered: func(r *agentapi.Registered) { p.probes <- r.GetReadinessProbeJson() },
		Wanted:     func(l []*agentapi.Listen) map[string]uint32 { return map[string]uint32{l[0].GetName(): 1} },
		Rotate:     func() { p.rotated <- struct{}{} },
	})
	ctx, cancel := context.WithCancel(context.Background())
	running.Go(func() { _ = p.client.Run(ctx) })
	t.Cleanup(func() { cancel(); g.Stop(); running.Wait() })
	return p
}

var (
	registered = &agentapi.FromServer{Message: &agentapi.FromServer_Registered{Registered: &agentapi.Registered{ReadinessProbeJson: "{}"}}}
	wanted     = &agentapi.FromServer{Message: &agentapi.FromServer_Wanted{Wanted: &agentapi.Wanted{Listens: []*agentapi.Listen{{Name: "x"}}}}}
	rotate     = &agentapi.FromServer{Message: &agentapi.FromServer_Rotate{Rotate: &agentapi.Rotate{}}}
)

func expect(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestConversation(t *testing.T) {
	p := start(t)
	// Known before the registration, told after it.
	p.client.SetHealth(false, "starting")
	p.client.SetCertificate(&agentapi.Certificate{Serial: "1"})
	stream := <-p.streams
	expect(t, stream.next(t), `register:{name:"a"}`)
	stream.say(t, registered)
	expect(t, <-p.probes, "{}")
	expect(t, stream.next(t), `certificate:{serial:"1"}`)
	expect(t, stream.next(t), `health:{reason:"starting"}`)
	stream.say(t, wanted)
	expect(t, stream.next(t), `bindings:{ports:{key:"x" value:1}}`)
	stream.say(t, rotate)
	<-p.rotated
	p.client.SetHealth(false, "starting") // no news
	p.client.SetHealth(true, "")
	expect(t, stream.next(t), `health:{healthy:true}`)
}

// What the server knew is told again on the next stream, after an error of the server or a change of the registration.
func TestReconnect(t *testing.T) {
	p := start(t)
	p.client.SetHealth(true, "")
	for _, how := range []func(conversation){
		func(c conversation) { c.end <- status.Error(codes.Unavailable, "restart") },
		func(conversation) { p.client.Restart() },
		func(c conversation) { c.end <- nil },
		func(conversation) {},
	} {
		select {
		case stream := <-p.streams:
			expect(t, stream.next(t), `register:{name:"a"}`)
			stream.say(t, registered)
			expect(t, stream.next(t), `health:{healthy:true}`)
			how(stream)
		case <-time.After(10 * time.Second):
			t.Fatal("no stream")
		}
	}
}
