package controlplane

import (
	"context"

	"github.com/meshctl/meshctl/internal/agentapi"
	"github.com/meshctl/meshctl/internal/traffichub"
	"github.com/meshctl/meshctl/pkg/traffic"
)

func (c *ControlPlane) newTraffic() *traffichub.Hub {
	return traffichub.New(traffichub.Options{
		Snapshot: c.snapshot.Load, Sessions: c.registry.Sessions, Proxies: c.Proxies, Problems: c.problems, Sample: c.registry.Sample,
	})
}

// sampled is told by the registry what an agent answers; agents do so only once somebody has asked the hub.
func (c *ControlPlane) sampled(nodeID string, m *agentapi.Sampled) { c.traffic.Sampled(nodeID, m) }

// Traffic implements adminapi.Backend.
func (c *ControlPlane) Traffic(ctx context.Context, namespace string) (traffic.Report, error) {
	return c.traffic.Report(ctx, namespace)
}
