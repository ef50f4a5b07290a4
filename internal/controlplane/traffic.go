package controlplane

import (
	"context"

	"github.com/meshctl/meshctl/internal/traffichub"
	"github.com/meshctl/meshctl/pkg/traffic"
)

func (c *ControlPlane) newTraffic() *traffichub.Hub {
	return traffichub.New(traffichub.Options{Snapshot: c.snapshot.Load, Sessions: c.registry.Sessions, Sample: c.registry.Sample, Proxies: c.Proxies})
}

// Traffic implements adminapi.Backend.
func (c *ControlPlane) Traffic(ctx context.Context) (traffic.Round, error) {
	return c.traffic.Round(ctx)
}
