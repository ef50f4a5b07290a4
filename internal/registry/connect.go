package registry

import (
	"maps"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/meshctl/meshctl/internal/agentapi"
	"github.com/meshctl/meshctl/internal/ca"
)

// Connect serves one agent for as long as its stream lives; see agent.proto.
func (r *Registry) Connect(stream agentapi.Agent_ConnectServer) error {
	id, err := ca.PeerIdentity(stream.Context())
	if err != nil {
		return status.Errorf(codes.Unauthenticated, "agent refused: %v", err)
	}
	s := newSession(stream)
	messages := make(chan *agentapi.FromAgent)
	go s.receive(messages)
	register, err := r.first(s, messages)
	if err != nil {
		return err
	}
	if err := r.ready(s); err != nil {
		return err
	}
	if err := r.admit(s, id, register); err != nil {
		r.o.Log.Warn("agent refused", "identity", id.String(), "reason", err)
		return err
	}
	defer r.leave(s)
	go r.send(s)
	r.want(s)
	r.publish()
	r.o.OnChange(register.GetNodeId())
	for {
		select {
		case <-s.ended:
			return s.cause
		case m := <-messages:
			if err := r.handle(s, m); err != nil {
				return err
			}
		}
	}
}

// first waits for the Register with which every stream begins.
func (r *Registry) first(s *session, messages <-chan *agentapi.FromAgent) (*agentapi.Register, error) {
	stop := r.o.Clock.AfterFunc(registerTimeout, func() {
		s.end(status.Errorf(codes.DeadlineExceeded, "no Register within %s", registerTimeout))
	})
	defer stop()
	select {
	case <-s.ended:
		return nil, s.cause
	case m := <-messages:
		if register := m.GetRegister(); register != nil {
			return register, nil
		}
		return nil, status.Error(codes.InvalidArgument, "the first message must be Register")
	}
}

// ready waits for the first configuration.
func (r *Registry) ready(s *session) error {
	expired := make(chan struct{})
	stop := r.o.Clock.AfterFunc(readyWait, func() { close(expired) })
	defer stop()
	select {
	case <-r.o.Ready:
		return nil
	case <-s.ended:
		return s.cause
	case <-expired:
		return status.Errorf(codes.Unavailable, "the control plane has read no configuration for %s: see its log, then connect again", readyWait)
	}
}

// handle takes up what a registered agent says.
func (r *Registry) handle(s *session, m *agentapi.FromAgent) error {
	switch what := m.GetMessage().(type) {
	case *agentapi.FromAgent_Bindings:
		ports := maps.Clone(what.Bindings.GetPorts())
		if err := checkBindings(ports); err != nil {
			return status.Errorf(codes.InvalidArgument, "bindings: %v", err)
		}
		if ports == nil {
			ports = map[string]uint32{}
		}
		complete := s.complete(ports)
		r.update(s, func(w *workload) bool {
			changed := w.bindings == nil || !maps.Equal(w.bindings, ports) || complete && !w.bound
			w.bindings, w.bound = ports, w.bound || complete
			return changed
		})
	case *agentapi.FromAgent_Health:
		healthy, reason := what.Health.GetHealthy(), strings.ToValidUTF8(what.Health.GetReason(), "?")
		reason = reason[:min(len(reason), maxText)]
		r.update(s, func(w *workload) bool {
			changed := w.healthy != healthy || w.reason != reason
			w.healthy, w.reason = healthy, reason
			return changed
		})
	case *agentapi.FromAgent_Certificate:
		r.update(s, func(w *workload) bool {
			changed := !proto.Equal(w.cert, what.Certificate)
			if before := w.cert; changed && before != nil {
				for _, waiting := range s.rotations {
					waiting <- what.Certificate
				}
				s.rotations = nil
			}
			w.cert = what.Certificate
			r.renewIfStale(s.key)
			return changed
		})
	case *agentapi.FromAgent_Tapped:
		r.o.Tapped(r.nodeID(s), what.Tapped)
	case *agentapi.FromAgent_Sampled:
		r.o.Sampled(r.nodeID(s), what.Sampled)
	case *agentapi.FromAgent_Register:
		return status.Error(codes.InvalidArgument, "Register may be sent once: open a new stream for another")
	}
	return nil // a message of a newer agent
}

// update edits the workload of a session and tells everybody if edit says that something changed.
func (r *Registry) update(s *session, edit func(*workload) bool) {
	r.mu.Lock()
	w := r.workloads[s.key]
	if w == nil || w.session != s || !edit(w) { // replaced meanwhile
		r.mu.Unlock()
		return
	}
	nodeID := w.proxy.NodeID
	r.touch(s.key)
	r.mu.Unlock()
	r.publish()
	r.o.OnChange(nodeID)
}

// want computes the Wanted list of a session and sends it if it differs from the one before.
func (r *Registry) want(s *session) {
	s.wanting.Lock()
	defer s.wanting.Unlock()
	r.mu.Lock()
	w := r.workloads[s.key]
	if w == nil || w.session != s {
		r.mu.Unlock()
		return
	}
	p := w.proxy
	r.mu.Unlock()
	if s.asked && p.Redirected {
		return // never wants a port
	}
	list := r.o.Wanted(p)
	if s.asked && slices.EqualFunc(list, s.wanted, func(a, b *agentapi.Listen) bool { return proto.Equal(a, b) }) {
		return
	}
	s.asked, s.wanted = true, list
	r.mu.Lock()
	s.outbox.wanted = &agentapi.Wanted{Listens: list}
	r.mu.Unlock()
	s.wake()
}
