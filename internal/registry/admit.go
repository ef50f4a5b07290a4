package registry

import (
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/internal/agentapi"
	"github.com/meshctl/meshctl/internal/ca"
)

// admit makes the session the one of its workload, or says why not.
func (r *Registry) admit(s *session, id ca.Identity, in *agentapi.Register) error {
	if err := validate(in); err != nil {
		return status.Errorf(codes.InvalidArgument, "registration refused: %v", err)
	}
	s.key = key{in.GetNamespace(), in.GetName()}
	s.instance = instanceOf(in)
	group, err := r.groupOf(in)
	if err != nil {
		return err
	}
	p := describe(in, group)
	if err := r.authorize(p, id); err != nil {
		return err
	}
	if err := checkProxy(p); err != nil {
		return status.Errorf(codes.InvalidArgument, "registration refused: %v", err)
	}
	registered, err := answer(s.key, group)
	if err != nil {
		return err
	}
	s.outbox.registered = registered
	return r.take(s, &workload{
		// With a probe it takes a first success, as for Istio's autoregistered entries.
		standing: standing{proxy: p, healthy: group.GetProbe() == nil},
		register: in, group: group, identity: id,
	})
}

// groupOf returns the group that a registration names, nil when it names none. A group that is not (yet) configured
// is taken as the workload had it before: the configuration of a restarted control plane may come after its agents.
func (r *Registry) groupOf(in *agentapi.Register) (*networking.WorkloadGroup, error) {
	if in.GetGroup() == "" {
		return nil, nil
	}
	if group := r.o.Group(in.GetNamespace(), in.GetGroup()); group != nil {
		return group, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if w := r.workloads[key{in.GetNamespace(), in.GetName()}]; w != nil && w.group != nil && w.register.GetGroup() == in.GetGroup() {
		return w.group, nil
	}
	return nil, status.Errorf(codes.NotFound, "workload %s/%s refused: there is no WorkloadGroup %q in namespace %q; apply it first, or register without a group",
		in.GetNamespace(), in.GetName(), in.GetGroup(), in.GetNamespace())
}

func answer(k key, group *networking.WorkloadGroup) (*agentapi.Registered, error) {
	out := &agentapi.Registered{WorkloadEntry: k.String()}
	if probe := group.GetProbe(); probe != nil {
		data, err := protojson.Marshal(probe)
		if err != nil {
			return nil, status.Errorf(codes.Internal, "probe of workload %s: %v", k, err)
		}
		out.ReadinessProbeJson = string(data)
	}
	return out, nil
}

// instanceOf tells one agent process from another.
func instanceOf(in *agentapi.Register) string {
	if in.GetInstance() != "" {
		return in.GetInstance()
	}
	return "at " + in.GetAdminAddress() + " " + in.GetStatusAddress()
}

// take installs the session. If the workload has a live session already, then
//   - one of the same agent process gives way at once: its connection is dead, only we have not noticed;
//   - one of another process gets a moment to end (a killed agent's successor may be faster than the news of its
//     death) and otherwise stays, and the new one is refused. Keepalive on the server ends a stream whose machine
//     vanished; the agent's next attempt then succeeds.
func (r *Registry) take(s *session, w *workload) error {
	var expired chan struct{}
	for {
		other, err := r.tryTake(s, w)
		if err != nil || other == nil {
			return err
		}
		if expired == nil {
			expired = make(chan struct{})
			stop := r.o.Clock.AfterFunc(takeoverWait, func() { close(expired) })
			defer stop()
		}
		select {
		case <-other.left:
		case <-s.ended:
			return s.cause
		case <-expired:
			return status.Errorf(codes.AlreadyExists, "workload %s refused: another agent with this name is connected; stop it or choose another name", s.key)
		}
	}
}

// tryTake returns the session in the way, nil when there is none (any more).
func (r *Registry) tryTake(s *session, w *workload) (*session, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, status.Error(codes.Unavailable, "the control plane is stopping: connect again")
	}
	if before := r.workloads[s.key]; before != nil {
		if old := before.session; old != nil {
			if old.instance != s.instance {
				return old, nil
			}
			old.end(status.Error(codes.Aborted, "this agent has connected again"))
			close(old.left)
		}
		if before.stopGrace != nil {
			before.stopGrace()
		}
		delete(r.nodes, before.proxy.NodeID)
		// Until the agent says otherwise the workload is where and how it was.
		w.bindings, w.bound = before.bindings, before.bound
		if !w.healthy || instanceOf(before.register) == s.instance {
			w.healthy, w.reason = before.healthy, before.reason
		}
	}
	w.session, w.since = s, r.o.Clock.Now()
	r.workloads[s.key], r.nodes[w.proxy.NodeID] = w, s.key
	r.touch(s.key)
	s.wake()
	return nil, nil
}

// leave ends the session's hold on its workload, whose entry stays for the grace period.
func (r *Registry) leave(s *session) {
	s.end(nil) // stops the sender
	r.mu.Lock()
	w := r.workloads[s.key]
	if w == nil || w.session != s {
		r.mu.Unlock() // replaced
		return
	}
	w.session = nil
	close(s.left)
	if !r.closed {
		r.startGrace(s.key, w)
	}
	nodeID := w.proxy.NodeID
	r.mu.Unlock()
	r.publish()
	r.o.OnChange(nodeID)
}

// startGrace drops a workload without a session after the grace period; the mutex is held.
func (r *Registry) startGrace(k key, w *workload) {
	if r.o.Grace < 0 {
		r.drop(k, w)
		return
	}
	w.stopGrace = r.o.Clock.AfterFunc(r.o.Grace, func() {
		r.mu.Lock()
		// Another registration makes another record: this one is out of date then.
		stale := r.closed || r.workloads[k] != w || w.session != nil
		early := !r.isReady() // its agent may be waiting for us, not we for it
		nodeID := w.proxy.NodeID
		switch {
		case stale:
		case early:
			r.startGrace(k, w)
		default:
			r.drop(k, w)
		}
		r.mu.Unlock()
		if stale || early {
			return
		}
		r.o.Log.Info("workload did not come back", "workload", k.String(), "grace", r.o.Grace.String())
		r.publish()
		r.o.OnChange(nodeID)
	})
}

func (r *Registry) isReady() bool {
	select {
	case <-r.o.Ready:
		return true
	default:
		return false
	}
}

func (r *Registry) drop(k key, w *workload) {
	delete(r.workloads, k)
	delete(r.nodes, w.proxy.NodeID)
	r.touch(k)
}
