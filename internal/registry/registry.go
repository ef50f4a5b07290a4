package registry

import (
	"context"
	"fmt"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/internal/agentapi"
	"github.com/meshctl/meshctl/pkg/config"
)

// Registry serves agentapi.Agent. Any number of goroutines may use it.
type Registry struct {
	agentapi.UnimplementedAgentServer
	o Options

	mu        sync.Mutex
	workloads map[key]*workload
	nodes     map[string]key // by node id
	closed    bool
	// dirty are the workloads whose entry may differ from the one published.
	dirty      map[key]bool
	publishing bool
	published  map[key]*config.Object // of the goroutine that publishes
	// unsaved means that State lags behind.
	unsaved, saving bool
}

// New returns a registry with the workloads that State remembers, which are published at once and dropped after the
// grace period if their agents do not come back. Close ends it.
func New(o Options) *Registry {
	r := &Registry{
		o: o.withDefaults(), workloads: map[key]*workload{}, nodes: map[string]key{},
		dirty: map[key]bool{}, published: map[key]*config.Object{},
	}
	r.restore()
	r.publish()
	return r
}

// Close ends every session and all timers. What was published and saved stays as it is, for the next process.
func (r *Registry) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for _, w := range r.workloads {
		if w.stopGrace != nil {
			w.stopGrace()
		}
		if w.session != nil {
			w.session.end(status.Error(codes.Unavailable, "the control plane is stopping: connect again"))
		}
	}
}

// Rotate asks the agent of a workload for a new certificate now; it does not wait for the answer.
func (r *Registry) Rotate(namespace, name string) error {
	_, err := r.rotate(key{namespace, name}, nil)
	return err
}

// Renew asks the agent of a workload for a new certificate and returns it once the agent has it.
func (r *Registry) Renew(ctx context.Context, namespace, name string) (*agentapi.Certificate, error) {
	k, fresh := key{namespace, name}, make(chan *agentapi.Certificate, 1)
	s, err := r.rotate(k, fresh)
	if err != nil {
		return nil, err
	}
	select {
	case cert := <-fresh:
		return cert, nil
	case <-s.left:
		return nil, fmt.Errorf("workload %s went away before it had a new certificate", k)
	case <-ctx.Done():
		return nil, fmt.Errorf("workload %s has no new certificate yet: %w (its agent's log says why)", k, ctx.Err())
	}
}

// rotate asks the agent; the certificate that follows goes to fresh, unless that is nil.
func (r *Registry) rotate(k key, fresh chan *agentapi.Certificate) (*session, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := r.workloads[k]
	if w == nil || w.session == nil {
		return nil, fmt.Errorf("no workload %s is connected: see meshctl proxy-status", k)
	}
	if fresh != nil {
		w.session.rotations = append(w.session.rotations, fresh)
	}
	w.session.outbox.rotate = true
	w.session.wake()
	return w.session, nil
}

// Refresh is called after the configuration changed: it asks for every WorkloadGroup, port name and Wanted list again,
// and sends Wanted to those agents whose list differs.
func (r *Registry) Refresh() {
	r.mu.Lock()
	groups, sessions := map[key]*networking.WorkloadGroup{}, []*session{}
	for k, w := range r.workloads {
		r.dirty[k] = true // port names are part of the entry
		if w.register.GetGroup() != "" {
			groups[key{k.namespace, w.register.GetGroup()}] = nil
		}
		if w.session != nil {
			sessions = append(sessions, w.session)
		}
	}
	r.mu.Unlock()
	for k := range groups {
		groups[k] = r.o.Group(k.namespace, k.name)
	}
	for _, nodeID := range r.regroup(groups) {
		r.o.OnChange(nodeID)
	}
	for _, s := range sessions {
		r.want(s)
	}
	r.publish()
}

// tellProbe sends the probe of a workload's group to its agent where it is another one now; the mutex is held.
func (r *Registry) tellProbe(k key, w *workload, group *networking.WorkloadGroup) {
	if w.session == nil || proto.Equal(w.group.GetProbe(), group.GetProbe()) {
		return
	}
	registered, err := answer(k, group)
	if err != nil {
		r.o.Log.Warn("the workload keeps its probe", "workload", k.String(), "error", err)
		return
	}
	w.session.outbox.registered = registered
	w.session.wake()
}

// regroup describes again the workloads whose group changed and returns their node ids. A group that is gone keeps
// its last form: deleting it must not take a running workload down, as in Istio.
func (r *Registry) regroup(groups map[key]*networking.WorkloadGroup) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var changed []string
	for k, w := range r.workloads {
		group := groups[key{k.namespace, w.register.GetGroup()}]
		if group == nil || proto.Equal(group, w.group) {
			continue
		}
		p := describe(w.register, group)
		if p.ServiceAccount != w.identity.ServiceAccount || checkProxy(p) != nil {
			r.o.Log.Warn("WorkloadGroup changed in a way that does not fit a running workload: it keeps the form before",
				"group", k.namespace+"/"+w.register.GetGroup(), "workload", k.String())
			continue
		}
		r.tellProbe(k, w, group)
		w.group, w.proxy, r.unsaved = group, p, true
		changed = append(changed, p.NodeID)
	}
	return changed
}
