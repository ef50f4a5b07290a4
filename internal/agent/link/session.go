package link

import "github.com/meshctl/meshctl/internal/agentapi"

// session is what is known of one stream.
type session struct {
	c          *Client
	stream     stream
	registered bool
	// sent is the health that the server was told last.
	sent *agentapi.Health
}

func (s *session) handle(m *agentapi.FromServer) error {
	switch m := m.GetMessage().(type) {
	case *agentapi.FromServer_Registered:
		s.registered = true
		s.c.o.Registered(m.Registered)
	case *agentapi.FromServer_Wanted:
		bindings := &agentapi.Bindings{Ports: s.c.o.Wanted(m.Wanted.GetListens())}
		return s.stream.Send(&agentapi.FromAgent{Message: &agentapi.FromAgent_Bindings{Bindings: bindings}})
	case *agentapi.FromServer_Rotate:
		s.c.o.Rotate()
	}
	return nil
}

// sendHealth tells the server of a change and returns the channel that closes at the next one.
func (s *session) sendHealth() (<-chan struct{}, error) {
	s.c.mu.Lock()
	health, wake := s.c.health, s.c.wake
	s.c.mu.Unlock()
	if !s.registered || health == nil || health == s.sent {
		return wake, nil
	}
	s.sent = health
	return wake, s.stream.Send(&agentapi.FromAgent{Message: &agentapi.FromAgent_Health{Health: health}})
}
