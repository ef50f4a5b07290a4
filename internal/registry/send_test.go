package registry

import (
	"context"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/meshctl/meshctl/internal/agentapi"
)

// stuckStream is the stream of an agent that does not read.
type stuckStream struct {
	agentapi.Agent_ConnectServer
	ctx context.Context
}

func (s stuckStream) Context() context.Context { return s.ctx }

func (s stuckStream) Send(*agentapi.FromServer) error {
	<-s.ctx.Done()
	return s.ctx.Err()
}

func TestAgentThatDoesNotReadIsCutOff(t *testing.T) {
	clock := newClock()
	r := New(Options{Clock: clock})
	defer r.Close()
	ctx, cancel := context.WithCancel(t.Context())
	s := newSession(stuckStream{ctx: ctx})
	s.outbox.rotate = true
	s.wake()
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.send(s)
	}()
	eventually(t, "the message is being sent", func() bool { return clock.pending(sendTimeout) == 1 })
	clock.add(sendTimeout)
	<-s.ended
	if status.Code(s.cause) != codes.DeadlineExceeded {
		t.Errorf("ended with %v", s.cause)
	}
	cancel() // as gRPC does once the handler has returned
	<-done
}
