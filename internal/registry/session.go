package registry

import (
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/meshctl/meshctl/internal/agentapi"
)

// session is one live stream of a workload's agent.
type session struct {
	key      key
	instance string
	stream   agentapi.Agent_ConnectServer
	// outbox is guarded by the registry's mutex; the notify channel wakes the sender.
	outbox outbox
	notify chan struct{}

	// wanting orders the computation of Wanted lists: a later one never loses to an earlier one.
	wanting sync.Mutex
	wanted  []*agentapi.Listen
	asked   bool // wanted was sent at least once

	// rotations wait for the next certificate; guarded by the registry's mutex.
	rotations []chan *agentapi.Certificate
	// renewed is when the agent was last asked to renew a stale certificate; renewing means that it will be looked at again.
	renewed  time.Time
	renewing bool

	once  sync.Once
	ended chan struct{} // closed with cause set
	cause error
	left  chan struct{} // closed when the workload no longer belongs to this session
}

// outbox holds what is to be sent; only the newest of each kind matters.
type outbox struct {
	registered *agentapi.Registered
	wanted     *agentapi.Wanted
	rotate     bool
	taps       *agentapi.Taps
	sample     *agentapi.Sample
}

func newSession(stream agentapi.Agent_ConnectServer) *session {
	return &session{
		stream: stream, notify: make(chan struct{}, 1), ended: make(chan struct{}), left: make(chan struct{}),
	}
}

// end makes the stream's handler return cause (nil for a normal end); the first cause counts.
func (s *session) end(cause error) {
	s.once.Do(func() {
		s.cause = cause
		close(s.ended)
	})
}

// complete reports whether bindings have every inbound port that the agent was asked for.
func (s *session) complete(bindings map[string]uint32) bool {
	s.wanting.Lock()
	defer s.wanting.Unlock()
	for _, listen := range s.wanted {
		if listen.GetPurpose() == agentapi.Listen_INBOUND && bindings[listen.GetName()] == 0 {
			return false
		}
	}
	return s.asked
}

func (s *session) wake() {
	select {
	case s.notify <- struct{}{}:
	default: // the sender will look anyway
	}
}

// receive hands on what the agent sends, until the stream ends.
func (s *session) receive(messages chan<- *agentapi.FromAgent) {
	for {
		m, err := s.stream.Recv()
		if err != nil {
			s.end(nil) // the agent, or its connection, is gone: there is nobody left to tell
			return
		}
		select {
		case messages <- m:
		case <-s.stream.Context().Done():
			s.end(nil)
			return
		}
	}
}

// send empties the outbox whenever it is filled, until the session ends. It has a goroutine of its own, since an agent
// that does not read makes Send wait; the deadline then ends the session.
func (r *Registry) send(s *session) {
	for {
		select {
		case <-s.ended:
			return
		case <-s.stream.Context().Done():
			return
		case <-s.notify:
		}
		for _, m := range r.takeOutbox(s) {
			stop := r.o.Clock.AfterFunc(sendTimeout, func() {
				s.end(status.Errorf(codes.DeadlineExceeded, "the agent took no message for %s", sendTimeout))
			})
			err := s.stream.Send(m)
			stop()
			if err != nil {
				s.end(err)
				return
			}
		}
	}
}

func (r *Registry) takeOutbox(s *session) []*agentapi.FromServer {
	r.mu.Lock()
	box := s.outbox
	s.outbox = outbox{}
	r.mu.Unlock()
	var out []*agentapi.FromServer
	if box.registered != nil {
		out = append(out, &agentapi.FromServer{Message: &agentapi.FromServer_Registered{Registered: box.registered}})
	}
	if box.wanted != nil {
		out = append(out, &agentapi.FromServer{Message: &agentapi.FromServer_Wanted{Wanted: box.wanted}})
	}
	if box.taps != nil {
		out = append(out, &agentapi.FromServer{Message: &agentapi.FromServer_Taps{Taps: box.taps}})
	}
	if box.sample != nil {
		out = append(out, &agentapi.FromServer{Message: &agentapi.FromServer_Sample{Sample: box.sample}})
	}
	if box.rotate {
		out = append(out, &agentapi.FromServer{Message: &agentapi.FromServer_Rotate{Rotate: &agentapi.Rotate{}}})
	}
	return out
}
