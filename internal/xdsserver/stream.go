package xdsserver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/meshctl/meshctl/internal/ca"
	"github.com/meshctl/meshctl/pkg/xds"
)

// wakeURL is the type of the requests that a connection makes up to have its stream look at the view again.
const wakeURL = "meshctl/wake"

// stream is what the server knows of one proxy. All changes are made on the goroutine that go-control-plane runs the
// stream on; mu is for readers of the status.
type stream struct {
	server   *Server
	ctx      context.Context
	session  Session
	node     string
	version  string
	identity *ca.Identity
	protocol string
	since    time.Time
	// wake has a capacity of one: a value makes the stream look at the view again.
	wake  chan struct{}
	timer *time.Timer
	// building and current are the response that is being built, and handed to gRPC.
	building, current *push

	mu   sync.Mutex
	subs []*subscription
	// warming is the push of clusters that listeners and routes wait for, until warmBy.
	warming *push
	warmBy  time.Time
	queue   []*push // to be sent next, in this order
}

func (s *Server) open(ctx context.Context, node *corev3.Node, protocol string) (*stream, error) {
	s.mu.Lock()
	if s.stopped {
		s.mu.Unlock()
		return nil, status.Error(codes.Unavailable, "the control plane is shutting down")
	}
	s.running.Add(1)
	s.mu.Unlock()
	st, err := s.connect(ctx, node, protocol)
	if err != nil {
		s.running.Done()
		return nil, err
	}
	s.mu.Lock()
	s.streams[st] = struct{}{}
	s.mu.Unlock()
	return st, nil
}

func (s *Server) connect(ctx context.Context, node *corev3.Node, protocol string) (*stream, error) {
	if node.GetId() == "" {
		return nil, status.Error(codes.InvalidArgument, "the first request names no node id: set node.id in the bootstrap, for example sidecar~10.0.0.1~POD.NAMESPACE~cluster.local")
	}
	identity, err := identityOf(ctx)
	if err != nil {
		return nil, err
	}
	connecting, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	session, err := s.options.Views.Connect(connecting, node, identity)
	if err != nil {
		return nil, refusal(err)
	}
	return &stream{
		server: s, ctx: ctx, session: session, node: node.GetId(), version: userAgent(node), identity: identity,
		protocol: protocol, since: time.Now(), wake: make(chan struct{}, 1),
	}, nil
}

// refusal is what a proxy is told when Views.Connect fails.
func refusal(err error) error {
	if _, ok := status.FromError(err); ok {
		return err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return status.Error(codes.Unavailable, "the control plane is not ready or shutting down")
	}
	return status.Error(codes.PermissionDenied, err.Error())
}

func (s *Server) close(st *stream) {
	s.mu.Lock()
	delete(s.streams, st)
	s.mu.Unlock()
	st.mu.Lock()
	if st.timer != nil {
		st.timer.Stop()
	}
	st.mu.Unlock()
	st.session.Disconnect()
	s.notify()
	s.running.Done()
}

// again makes the stream look at the view once more.
func (st *stream) again() {
	select {
	case st.wake <- struct{}{}:
	default:
	}
}

func (st *stream) sub(url string) *subscription {
	if i := slices.IndexFunc(st.subs, func(s *subscription) bool { return s.url == url }); i >= 0 {
		return st.subs[i]
	}
	return nil
}

// shareNames replaces the names of a subscription by the copy that all streams with the same names have.
func (st *stream) shareNames(sub *subscription) {
	sub.shared = st.server.lists.share(sub.names)
	sub.names = sub.shared.names
}

// table returns what the proxy should have of a type. Secrets are for peers with a certificate only.
func (st *stream) table(view *xds.View, url string) *xds.Table {
	if url == xds.SecretType && st.identity == nil {
		return nil
	}
	return view.Table(url)
}

func userAgent(node *corev3.Node) string {
	if v := node.GetUserAgentBuildVersion().GetVersion(); v != nil {
		return node.GetUserAgentName() + "/" + fmt.Sprintf("%d.%d.%d", v.GetMajorNumber(), v.GetMinorNumber(), v.GetPatch())
	}
	if node.GetUserAgentVersion() != "" {
		return node.GetUserAgentName() + "/" + node.GetUserAgentVersion()
	}
	return node.GetUserAgentName()
}
