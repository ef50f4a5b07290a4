package registry

import "github.com/meshctl/meshctl/internal/agentapi"

// Tap tells the agent of a proxy who wants to see its requests, and reports whether that agent is connected. Options.OnChange hears when
// one connects, which knows of nobody then.
func (r *Registry) Tap(nodeID string, taps *agentapi.Taps) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := r.workloads[r.nodes[nodeID]]
	if w == nil || w.session == nil {
		return false
	}
	w.session.outbox.taps = taps
	w.session.wake()
	return true
}

// nodeID is that of a session's proxy; empty when the session has been replaced.
func (r *Registry) nodeID(s *session) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if w := r.workloads[s.key]; w != nil && w.session == s {
		return w.proxy.NodeID
	}
	return ""
}

// Sample asks the agent of a proxy what that has counted, and reports whether that agent is connected. Options.Sampled hears the answer.
func (r *Registry) Sample(nodeID string, q *agentapi.Sample) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := r.workloads[r.nodes[nodeID]]
	if w == nil || w.session == nil {
		return false
	}
	w.session.outbox.sample = q
	w.session.wake()
	return true
}
