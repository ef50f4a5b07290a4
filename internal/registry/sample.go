package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/meshctl/meshctl/internal/agentapi"
)

// Sample asks the agent of a proxy what the proxy has counted. Those who ask while the agent reads share its answer.
func (r *Registry) Sample(ctx context.Context, nodeID string) (*agentapi.Sampled, error) {
	answer := make(chan *agentapi.Sampled, 1)
	r.mu.Lock()
	w := r.workloads[r.nodes[nodeID]]
	if w == nil || w.session == nil {
		r.mu.Unlock()
		return nil, errors.New("its agent is not connected")
	}
	s := w.session
	s.samplers = append(s.samplers, answer)
	if len(s.samplers) == 1 {
		s.sampling++
		s.outbox.sample = &agentapi.Sample{Id: s.sampling}
		s.wake()
	}
	r.mu.Unlock()
	select {
	case m := <-answer:
		return m, nil
	case <-s.left:
		return nil, errors.New("its agent went away")
	case <-ctx.Done():
		r.mu.Lock()
		s.samplers = slices.DeleteFunc(s.samplers, func(c chan *agentapi.Sampled) bool { return c == answer })
		r.mu.Unlock()
		return nil, fmt.Errorf("its agent has not answered in time: %w", context.Cause(ctx))
	}
}

// sampled hands an answer to those who wait for it. One to a question that nobody asks any more is dropped.
func (r *Registry) sampled(s *session, m *agentapi.Sampled) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m.GetId() != s.sampling {
		return
	}
	for _, waiting := range s.samplers {
		waiting <- m // each has room for one
	}
	s.samplers = nil
}
