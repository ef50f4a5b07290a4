package link

import "github.com/meshctl/meshctl/internal/agentapi"

// session is what is known of one stream.
type session struct {
	c          *Client
	stream     stream
	registered bool
	// What the server was told last.
	health      *agentapi.Health
	certificate *agentapi.Certificate
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
	case *agentapi.FromServer_Taps:
		s.c.o.Taps(m.Taps.GetTaps())
	case *agentapi.FromServer_Sample:
		s.c.o.Sample(m.Sample)
	}
	return nil
}

// report tells the server what it does not know yet and returns the channel that closes at the next change.
func (s *session) report() (<-chan struct{}, error) {
	s.c.mu.Lock()
	health, certificate, wake := s.c.health, s.c.certificate, s.c.wake
	s.c.mu.Unlock()
	if !s.registered {
		return wake, nil
	}
	if certificate != s.certificate {
		s.certificate = certificate
		if err := s.stream.Send(&agentapi.FromAgent{Message: &agentapi.FromAgent_Certificate{Certificate: certificate}}); err != nil {
			return nil, err
		}
	}
	if health != s.health {
		s.health = health
		if err := s.stream.Send(&agentapi.FromAgent{Message: &agentapi.FromAgent_Health{Health: health}}); err != nil {
			return nil, err
		}
	}
	return wake, nil
}
