// Package trafficfeed turns what the proxies of a mesh have counted into pictures of its traffic, for those who look at it.
package trafficfeed

import (
	"context"
	"time"

	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/pkg/traffic"
)

// Mesh has proxies that count; the control plane's client and a cluster are such.
type Mesh interface {
	Traffic(ctx context.Context) (traffic.Round, error)
}

// Feed asks a mesh again and again while somebody wants pictures, and remembers what it heard. It is for one viewer at a time.
type Feed struct {
	mesh     Mesh
	interval time.Duration
	history  *traffic.History
	asked    time.Time
}

// New returns a Feed that asks once an interval.
func New(mesh Mesh, interval time.Duration) *Feed {
	return &Feed{mesh: mesh, interval: interval, history: traffic.NewHistory()}
}

// Next waits for the next round and returns the traffic of a window, or of the time since the first round while that is shorter. The first
// picture has no rates. After an error Next may be called again: what was heard before still counts.
func (f *Feed) Next(ctx context.Context, window time.Duration) (topology.Graph, error) {
	timer := time.NewTimer(max(f.interval-time.Since(f.asked), 0))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return topology.Graph{}, ctx.Err()
	case <-timer.C:
	}
	f.asked = time.Now()
	round, err := f.mesh.Traffic(ctx)
	if err != nil {
		return topology.Graph{}, err
	}
	f.history.Add(round)
	return f.history.Graph(window), nil
}
