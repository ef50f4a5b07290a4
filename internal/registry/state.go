package registry

import (
	"encoding/json"
	"fmt"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/internal/agentapi"
	"github.com/meshctl/meshctl/internal/ca"
)

// savedState is what State keeps: the registrations themselves, since a restarted control plane needs the bindings of
// a proxy (it may connect before its agent does) as well as the WorkloadEntry.
type savedState struct {
	Version   int             `json:"version"`
	Workloads []savedWorkload `json:"workloads"`
}

type savedWorkload struct {
	Register json.RawMessage   `json:"register"`        // agentapi.Register
	Group    json.RawMessage   `json:"group,omitempty"` // networking.WorkloadGroup
	Bindings map[string]uint32 `json:"bindings"`
	Bound    bool              `json:"bound"`
	Healthy  bool              `json:"healthy"`
	Reason   string            `json:"reason,omitempty"`
	Since    time.Time         `json:"since"`
}

const stateVersion = 1

// save writes the state if it lags behind. The mutex is held, and let go while the disk works.
func (r *Registry) save() {
	for r.o.State != nil && r.unsaved && !r.saving && !r.closed {
		r.unsaved, r.saving = false, true
		data, err := r.encode()
		r.mu.Unlock()
		if err == nil {
			err = r.o.State.Save(data)
		}
		if err != nil {
			r.o.Log.Error("registrations not saved: until they are, a restart of the control plane interrupts traffic to what changed", "error", err)
		}
		r.mu.Lock()
		r.saving = false
	}
}

func (r *Registry) encode() ([]byte, error) {
	state := savedState{Version: stateVersion}
	for _, k := range r.sortedKeys() {
		w := r.workloads[k]
		saved := savedWorkload{Bindings: w.bindings, Bound: w.bound, Healthy: w.healthy, Reason: w.reason, Since: w.since}
		var err error
		if saved.Register, err = protojson.Marshal(w.register); err != nil {
			return nil, err
		}
		if w.group != nil {
			if saved.Group, err = protojson.Marshal(w.group); err != nil {
				return nil, err
			}
		}
		state.Workloads = append(state.Workloads, saved)
	}
	return json.Marshal(state)
}

// restore takes up what State remembers. Whatever cannot be read is reported and left out: its agent registers again.
func (r *Registry) restore() {
	if r.o.State == nil || r.o.Grace < 0 {
		return
	}
	data, err := r.o.State.Load()
	if err != nil {
		r.o.Log.Error("saved registrations not read: workloads appear as their agents connect", "error", err)
		return
	}
	if data == nil {
		return
	}
	var state savedState
	if err := json.Unmarshal(data, &state); err != nil || state.Version != stateVersion {
		r.o.Log.Error("saved registrations are damaged or of another version: workloads appear as their agents connect", "error", err)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, saved := range state.Workloads {
		w, err := r.decode(saved)
		if err != nil {
			r.o.Log.Error("saved registration left out", "index", i, "error", err)
			continue
		}
		k := key{w.proxy.Namespace, w.proxy.Name}
		r.workloads[k], r.nodes[w.proxy.NodeID] = w, k
		r.dirty[k] = true
		r.startGrace(k, w)
	}
}

func (r *Registry) decode(saved savedWorkload) (*workload, error) {
	w := &workload{register: &agentapi.Register{}, reason: saved.Reason, since: saved.Since}
	lenient := protojson.UnmarshalOptions{DiscardUnknown: true}
	if err := lenient.Unmarshal(saved.Register, w.register); err != nil {
		return nil, err
	}
	if len(saved.Group) > 0 {
		w.group = &networking.WorkloadGroup{}
		if err := lenient.Unmarshal(saved.Group, w.group); err != nil {
			return nil, err
		}
	}
	if err := validate(w.register); err != nil {
		return nil, err
	}
	if err := checkBindings(saved.Bindings); err != nil {
		return nil, err
	}
	p := describe(w.register, w.group)
	if err := checkProxy(p); err != nil {
		return nil, err
	}
	w.standing = standing{proxy: p, bindings: saved.Bindings, bound: saved.Bound, healthy: saved.Healthy}
	w.identity = ca.Identity{TrustDomain: r.o.TrustDomain, Namespace: p.Namespace, ServiceAccount: p.ServiceAccount}
	if err := w.identity.Validate(); err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	return w, nil
}
