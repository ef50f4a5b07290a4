// Package xdsserver serves views of the mesh to proxies over aggregated xDS (delta and state of the world) on gRPC.
//
// The protocol is https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol; go-control-plane runs its streams and
// this package decides what goes into them, and when.
package xdsserver

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"
	"weak"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	deltav3 "github.com/envoyproxy/go-control-plane/pkg/server/delta/v3"
	sotwv3 "github.com/envoyproxy/go-control-plane/pkg/server/sotw/v3"
	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Options says what to serve and within which bounds.
type Options struct {
	Views Views
	// BytesInFlight bounds the responses of all streams together that are built but not yet handed to the network, in
	// bytes. Default 16 MiB. A single larger response is sent alone.
	BytesInFlight int64
	// WarmTimeout is how long listeners and routes wait for a proxy to have warmed the new clusters that were sent just
	// before. Default 5 s: then they are sent all the same, so that one cluster that never warms holds up nothing else.
	WarmTimeout time.Duration
}

// Server is the discovery service. Make one with New.
type Server struct {
	discoveryv3.UnimplementedAggregatedDiscoveryServiceServer
	options Options
	budget  *semaphore.Weighted
	lists   lists
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu      sync.Mutex
	stopped bool
	streams map[*stream]struct{}
	settled chan struct{} // closed and replaced whenever a stream may have become synced
	totals  map[string]Total
}

// New returns a server; Register adds it to a gRPC server.
func New(options Options) *Server {
	if options.BytesInFlight <= 0 {
		options.BytesInFlight = 16 << 20
	}
	if options.WarmTimeout <= 0 {
		options.WarmTimeout = 5 * time.Second
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Server{
		options: options, budget: semaphore.NewWeighted(options.BytesInFlight), ctx: ctx, cancel: cancel,
		lists:   lists{entries: map[uint64]weak.Pointer[list]{}, sweepAt: firstSweep},
		streams: map[*stream]struct{}{}, settled: make(chan struct{}), totals: map[string]Total{},
	}
}

// Register adds the aggregated discovery service to a gRPC server, which should have been made with ServerOptions.
func (s *Server) Register(r grpc.ServiceRegistrar) {
	discoveryv3.RegisterAggregatedDiscoveryServiceServer(r, s)
}

// Stop ends all streams, refuses new ones and waits until they have ended or ctx is done. Call it before
// grpc.Server.GracefulStop, which waits for streams without end; Stop of the gRPC server also ends streams whose proxy
// has stopped reading.
func (s *Server) Stop(ctx context.Context) error {
	s.mu.Lock()
	s.stopped = true
	s.mu.Unlock()
	s.cancel()
	done := make(chan struct{})
	go func() {
		s.running.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// DeltaAggregatedResources serves one proxy that speaks delta xDS.
func (s *Server) DeltaAggregatedResources(call grpc.BidiStreamingServer[discoveryv3.DeltaDiscoveryRequest, discoveryv3.DeltaDiscoveryResponse]) error {
	first, err := call.Recv()
	if err != nil {
		return endOfCall(err)
	}
	st, err := s.open(call.Context(), first.GetNode(), deltaProtocol)
	if err != nil {
		return err
	}
	defer s.close(st)
	first.Node = nil
	d := &deltaStream{stream: st}
	conn := newDeltaConn(call, d, first)
	return s.result(deltav3.NewServer(s.ctx, d, d).DeltaStreamHandler(conn, resourcev3.AnyType))
}

// StreamAggregatedResources serves one proxy that speaks the state-of-the-world protocol, as gRPC's own xDS client does.
func (s *Server) StreamAggregatedResources(call grpc.BidiStreamingServer[discoveryv3.DiscoveryRequest, discoveryv3.DiscoveryResponse]) error {
	first, err := call.Recv()
	if err != nil {
		return endOfCall(err)
	}
	st, err := s.open(call.Context(), first.GetNode(), sotwProtocol)
	if err != nil {
		return err
	}
	defer s.close(st)
	first.Node = nil
	w := &sotwStream{stream: st}
	conn := newSotwConn(call, w, first)
	return s.result(sotwv3.NewServer(s.ctx, w, w, sotwv3.WithOrderedADS()).StreamHandler(conn, resourcev3.AnyType))
}

func endOfCall(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (s *Server) result(err error) error {
	if err == nil && s.ctx.Err() != nil {
		return status.Error(codes.Unavailable, "the control plane is shutting down")
	}
	return err
}
