// Package traffichub asks all proxies what they have counted, when somebody looks at the traffic of the mesh, and adds what the control plane knows:
// who stands behind an address, what routes want, what is out of sync. While nobody looks it does nothing.
package traffichub

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/meshctl/meshctl/internal/adminapi"
	"github.com/meshctl/meshctl/internal/agentapi"
	"github.com/meshctl/meshctl/internal/registry"
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/traffic"
	"github.com/meshctl/meshctl/pkg/traffic/sample"
)

const (
	// patience is how long a proxy may take to answer; it is named as silent after that.
	patience = 2 * time.Second
	// fresh is how old a round may be to be shared by several viewers.
	fresh = 400 * time.Millisecond
	// atOnce bounds how many proxies are asked at a time.
	atOnce = 64
)

// Options are the parts of a Hub. All are required.
type Options struct {
	// Snapshot returns the resolved mesh of now.
	Snapshot func() *mesh.Snapshot
	// Sessions returns the registered proxies.
	Sessions func() []registry.Session
	// Sample asks a proxy; see registry.Registry.
	Sample func(ctx context.Context, nodeID string) (*agentapi.Sampled, error)
	// Proxies returns how the proxies are in sync.
	Proxies func() []adminapi.Proxy
}

// Hub is one for all viewers of a control plane. Its methods may be called from any goroutine.
type Hub struct {
	o      Options
	flight sync.Mutex // held while proxies are asked

	mu   sync.Mutex
	last traffic.Round
	// facts are what was made of a snapshot.
	facts facts
	of    *mesh.Snapshot
}

// New returns a Hub.
func New(o Options) *Hub { return &Hub{o: o} }

// Round asks every proxy. Viewers who ask at the same time share one round. A proxy that does not answer in time is in it with the reason.
func (h *Hub) Round(ctx context.Context) (traffic.Round, error) {
	h.flight.Lock()
	defer h.flight.Unlock()
	h.mu.Lock()
	last := h.last
	h.mu.Unlock()
	if time.Since(last.Time) < fresh {
		return last, nil
	}
	if err := ctx.Err(); err != nil {
		return traffic.Round{}, err
	}
	sessions := h.o.Sessions()
	r := h.know(sessions)
	r.Proxies = h.ask(ctx, sessions)
	if err := ctx.Err(); err != nil {
		return traffic.Round{}, err
	}
	r.Time = time.Now()
	h.mu.Lock()
	h.last = r
	h.mu.Unlock()
	return r, nil
}

// ask asks all proxies in parallel.
func (h *Hub) ask(ctx context.Context, sessions []registry.Session) []traffic.ProxySample {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	out := make([]traffic.ProxySample, len(sessions))
	slots := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for i, s := range sessions {
		out[i] = traffic.ProxySample{Proxy: s.Proxy.Name + "." + s.Proxy.Namespace, Node: nodeID(s)}
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			out[i].Sample, out[i].Problem = h.one(ctx, s.Proxy.NodeID)
		})
	}
	all.Wait()
	return out
}

func (h *Hub) one(ctx context.Context, nodeID string) (taken *sample.Sample, problem string) {
	answer, err := h.o.Sample(ctx, nodeID)
	switch {
	case err != nil:
		return nil, err.Error()
	case answer.GetProblem() != "":
		return nil, answer.GetProblem()
	}
	taken = &sample.Sample{}
	if err := json.Unmarshal(answer.GetSampleJson(), taken); err != nil {
		return nil, "its agent has answered with something else than counters: " + err.Error()
	}
	return taken, ""
}
