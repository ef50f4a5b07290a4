package controlplane

import (
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/xds"
)

// session is one connected proxy: its view, and a note that the view changed.
type session struct {
	views   *views
	claimed mesh.Proxy // as the node says; the registry adds ports
	member  *xds.Member
	changed chan struct{}
}

// View returns what the proxy should run now.
func (s *session) View() *xds.View { return s.member.View() }

// Changed receives a value after the view has changed.
func (s *session) Changed() <-chan struct{} { return s.changed }

// Disconnect forgets the proxy.
func (s *session) Disconnect() { s.views.forget(s) }

func (s *session) wake() {
	select {
	case s.changed <- struct{}{}:
	default: // the server has not looked at the last change yet: it will see this one too
	}
}
