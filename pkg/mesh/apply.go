package mesh

import (
	"slices"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh/convert"
)

// Apply returns the snapshot after a batch and what a proxy could see of the difference. The cost depends on what
// changed, not on the size of the mesh; resolved values that stay the same keep their pointers.
func (s *Snapshot) Apply(b config.Batch) (*Snapshot, Change) {
	set := s.set.With(b)
	return s.advance(set, differences(s.set, set, b))
}

// delta is one object before and after a change; nil where it does not exist.
type delta struct{ before, after *config.Object }

func (d delta) key() config.Key {
	if d.after != nil {
		return d.after.Key
	}
	return d.before.Key
}

// differences lists what a batch changes. An object that was read again without a change still counts: its position
// may differ, which problems show.
func differences(before, after config.Set, b config.Batch) []delta {
	var out []delta
	seen := make(map[config.Key]bool, len(b.Upserts))
	add := func(key config.Key) {
		if seen[key] {
			return
		}
		seen[key] = true
		if d := (delta{before.Get(key), after.Get(key)}); d.before != d.after {
			out = append(out, d)
		}
	}
	for _, key := range b.Deletes {
		add(key)
	}
	for _, o := range b.Upserts {
		add(o.Key)
	}
	if b.Full {
		for _, kind := range Kinds() {
			for o := range before.All(kind) {
				add(o.Key)
			}
		}
	}
	return out
}

// allOf lists every object of a set as new.
func allOf(set config.Set) []delta {
	var out []delta
	for _, kind := range Kinds() {
		for o := range set.All(kind) {
			out = append(out, delta{after: o})
		}
	}
	return out
}

// Kinds lists the kinds that snapshots are made of.
func Kinds() []config.Kind {
	own := []config.Kind{
		config.ConfigMap, config.Service, config.ServiceEntry, config.WorkloadEntry, config.Pod, config.Node, config.EndpointSlice,
		config.PeerAuthn, config.DestinationRule, config.VirtualService, config.Gateway, config.Sidecar, config.Secret,
		config.EnvoyFilter, config.Telemetry, config.WasmPlugin, config.TrafficExtension, config.AuthzPolicy, config.RequestAuthn,
		config.ProxyConfig, config.WorkloadGroup,
	}
	for _, kind := range slices.Concat(convert.Kinds(), convert.Reads(), notEnforced()) {
		if !slices.Contains(own, kind) {
			own = append(own, kind)
		}
	}
	return own
}

// advance resolves a new set of objects of which only the deltas differ.
func (s *Snapshot) advance(set config.Set, deltas []delta) (*Snapshot, Change) {
	t := newUpdate(s, set)
	first := s.config == nil
	if first || changed(deltas, configKey(s.options)) {
		deltas = t.reconfigure(deltas)
	}
	deltas = append(deltas, t.derive(deltas)...)
	for _, d := range deltas {
		t.read(d)
	}
	t.parseVirtuals()
	t.applyPolicies()
	t.applyInstances()
	t.applySelectors()
	t.applyServices()
	t.applyBackends()
	t.applyRules()
	t.applyVirtuals()
	t.applySecrets()
	t.check()
	return t.finish(), t.change
}

func changed(deltas []delta, key config.Key) bool {
	for _, d := range deltas {
		if d.key() == key {
			return true
		}
	}
	return false
}

// reconfigure resolves the mesh-wide configuration again. When it differs, every object is resolved again, since any of
// them may depend on it.
func (t *update) reconfigure(deltas []delta) []delta {
	key := configKey(t.options)
	object := t.set.Get(key)
	c, problems := resolveConfig(object, t.options)
	t.report(key, problems)
	if t.config != nil && c.Digest == t.config.Digest {
		return deltas
	}
	t.config = c
	t.change.Full = true
	seen := make(map[config.Key]bool, len(deltas))
	for _, d := range deltas {
		seen[d.key()] = true
	}
	for _, d := range allOf(t.set) {
		if !seen[d.key()] {
			deltas = append(deltas, delta{before: d.after, after: d.after})
		}
	}
	return deltas
}

// read takes in one changed object: it parses the object and notes what has to be resolved again.
func (t *update) read(d delta) {
	if d.after == nil {
		t.report(d.key(), nil)
	}
	switch d.key().Kind {
	case config.Service, config.ServiceEntry:
		t.readDefinition(d)
	case config.WorkloadEntry, config.Pod:
		t.staleInstances[d.key()] = true
	case config.Node:
		t.readNode(d)
	case config.EndpointSlice:
		t.readSlice(d)
	case config.PeerAuthn:
		t.readPolicy(d)
	case config.DestinationRule:
		t.readRule(d)
	case config.VirtualService:
		t.readVirtual(d)
	case config.Gateway:
		t.readGateway(d)
	case config.Sidecar:
		t.readSidecar(d)
	case config.Secret, config.ConfigMap:
		t.readSecret(d)
	case config.EnvoyFilter, config.Telemetry, config.WasmPlugin, config.TrafficExtension, config.AuthzPolicy, config.RequestAuthn,
		config.ProxyConfig:
		t.readAttached(d)
	case config.WorkloadGroup:
		t.checkGroup(d)
	}
}
