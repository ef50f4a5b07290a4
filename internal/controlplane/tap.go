package controlplane

import (
	"context"

	"github.com/meshctl/meshctl/internal/agentapi"
	"github.com/meshctl/meshctl/internal/taphub"
	"github.com/meshctl/meshctl/pkg/tap"
	"github.com/meshctl/meshctl/pkg/translate"
)

func (c *ControlPlane) newTaps() *taphub.Hub {
	return taphub.New(taphub.Options{
		Snapshot: c.snapshot.Load, Sessions: c.registry.Sessions, Tap: c.registry.Tap, Log: c.log,
		LoggedHeaders: func() []string { return translate.LoggedHeaders(c.snapshot.Load().Config().Mesh) },
	})
}

// tapped is told by the registry what a proxy reports; agents do so only once there is a viewer, and so a hub.
func (c *ControlPlane) tapped(nodeID string, m *agentapi.Tapped) { c.taps.Tapped(nodeID, m) }

// Tap implements adminapi.Backend.
func (c *ControlPlane) Tap(ctx context.Context, r tap.Request, emit func(tap.Line) error) error {
	return c.taps.Watch(ctx, r, emit)
}
