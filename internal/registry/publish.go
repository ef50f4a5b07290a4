package registry

import (
	"slices"

	"github.com/meshctl/meshctl/pkg/config"
)

// publish brings the emitter and the state up to date. One goroutine at a time does so: one that finds another at work
// leaves its changes to it, and never waits (the emitter may wait for whoever is here).
func (r *Registry) publish() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.publishing {
		r.publishing = true
		for len(r.dirty) > 0 && !r.closed {
			work := r.takeDirty()
			r.mu.Unlock()
			r.emit(work)
			r.mu.Lock()
		}
		r.publishing = false
	}
	r.save()
}

// takeDirty returns what the dirty entries are to be made from, nil for those to remove.
func (r *Registry) takeDirty() map[key]*standing {
	work := make(map[key]*standing, len(r.dirty))
	for k := range r.dirty {
		work[k] = nil
		if w := r.workloads[k]; w != nil {
			s := w.standing
			work[k] = &s
		}
	}
	clear(r.dirty)
	return work
}

// emit publishes the entries that differ from those before. Only the goroutine that publishes is here.
func (r *Registry) emit(work map[key]*standing) {
	var batch config.Batch
	for k, s := range work {
		var o *config.Object
		if s != nil && (s.proxy.Group != "" || !r.o.GroupsOnly) {
			o = entry(*s, r.o.PortNames)
		}
		before := r.published[k]
		switch {
		case o != nil && (before == nil || before.Digest != o.Digest):
			batch.Upserts = append(batch.Upserts, o)
			r.published[k] = o
		case o == nil && before != nil:
			batch.Deletes = append(batch.Deletes, before.Key)
			delete(r.published, k)
		}
	}
	slices.SortFunc(batch.Upserts, func(a, b *config.Object) int { return a.Key.Compare(b.Key) })
	slices.SortFunc(batch.Deletes, config.Key.Compare)
	if r.o.Emitter != nil && len(batch.Upserts)+len(batch.Deletes) > 0 {
		r.o.Emitter.Update(batch)
	}
}

// touch marks a workload as changed; the mutex is held, publish follows without it.
func (r *Registry) touch(k key) {
	r.dirty[k], r.unsaved = true, true
}
