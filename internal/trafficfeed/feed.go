// Package trafficfeed gives viewers the live traffic of a mesh as a graph, again and again.
package trafficfeed

import (
	"context"
	"time"

	"github.com/meshctl/meshctl/internal/adminapi"
	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/pkg/traffic"
)

// DefaultInterval is the time between two graphs.
const DefaultInterval = time.Second

// Feed asks a mesh for samples, keeps them for traffic.Longest, and makes graphs of them. What it asks for is asked while Next runs only. Its
// methods may be called from any goroutine; calls of Next wait for each other.
type Feed struct {
	mesh      adminapi.Counter
	namespace string
	interval  time.Duration

	turn   chan struct{} // has one element while nobody runs Next
	window traffic.Window
	asked  time.Time
}

// New returns a feed of a mesh: an adminapi.Client, a remote.Cluster or a factory.ControlPlane. With a namespace, only proxies are asked that have
// to do with it; graphs may have others all the same. An interval of 0 is DefaultInterval.
func New(mesh adminapi.Counter, namespace string, interval time.Duration) *Feed {
	if interval <= 0 {
		interval = DefaultInterval
	}
	f := &Feed{mesh: mesh, namespace: namespace, interval: interval, turn: make(chan struct{}, 1)}
	f.turn <- struct{}{}
	return f
}

// Next waits until an interval has passed since the call before, and returns the traffic over a window of time, or since the first call where
// that is shorter. The first graph comes at once and has no rates. An error is a lost connection: call Next again, after a pause of the caller's
// choice; samples from before it are kept.
func (f *Feed) Next(ctx context.Context, window time.Duration) (topology.Graph, error) {
	select {
	case <-ctx.Done():
		return topology.Graph{}, ctx.Err()
	case <-f.turn:
		defer func() { f.turn <- struct{}{} }()
	}
	if wait := f.interval - time.Since(f.asked); wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-ctx.Done():
			return topology.Graph{}, ctx.Err()
		case <-timer.C:
		}
	}
	f.asked = time.Now()
	report, err := f.mesh.Traffic(ctx, f.namespace)
	if err != nil {
		return topology.Graph{}, err
	}
	f.window.Add(report, time.Now())
	return f.window.Graph(window), nil
}
