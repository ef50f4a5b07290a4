// Package memory is a source whose content is set by method calls: for registrations, for tests, and for files that are
// read once.
package memory

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/meshctl/meshctl/pkg/config"
)

// Source holds objects. It is safe for concurrent use, and any number of Runs may be active.
type Source struct {
	mu       sync.Mutex
	objects  map[config.Key]*config.Object
	problems []config.Problem
	runs     map[*run]bool
}

// run is what one Run has not emitted yet. Changes that come while its consumer is busy are merged.
type run struct {
	changed map[config.Key]*config.Object // nil: deleted
	wake    chan struct{}
}

// New returns a source that holds the objects. Of several with one key, the last counts.
func New(objects ...*config.Object) *Source {
	s := &Source{objects: map[config.Key]*config.Object{}, runs: map[*run]bool{}}
	for _, o := range objects {
		s.objects[o.Key] = o
	}
	return s
}

// Update changes the content as the batch says; its Problems replace those of the update before. It does not wait for
// anybody. A Full batch reaches the consumers as the difference.
func (s *Source) Update(b config.Batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	changed := map[config.Key]*config.Object{}
	if b.Full {
		for key := range s.objects {
			changed[key] = nil
		}
	}
	for _, key := range b.Deletes {
		changed[key] = nil
	}
	for _, o := range b.Upserts {
		changed[o.Key] = o
	}
	for key, o := range changed {
		if s.objects[key] == o {
			delete(changed, key)
			continue
		}
		s.objects[key] = o
		if o == nil {
			delete(s.objects, key)
		}
	}
	if len(changed) == 0 && slices.Equal(s.problems, b.Problems) {
		return
	}
	s.problems = slices.Clone(b.Problems)
	for r := range s.runs {
		maps.Copy(r.changed, changed)
		select {
		case r.wake <- struct{}{}:
		default: // it is awake already, and will take this too
		}
	}
}

// Objects returns what the source holds now, in the order of the keys.
func (s *Source) Objects() []*config.Object {
	s.mu.Lock()
	defer s.mu.Unlock()
	return inOrder(s.objects).Upserts
}

// Run implements source.Source.
func (s *Source) Run(ctx context.Context, emit func(config.Batch)) error {
	r := &run{changed: map[config.Key]*config.Object{}, wake: make(chan struct{}, 1)}
	s.mu.Lock()
	first := inOrder(s.objects)
	first.Full, first.Problems = true, s.problems
	s.runs[r] = true
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.runs, r)
		s.mu.Unlock()
	}()
	if ctx.Err() != nil {
		return nil
	}
	emit(first)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.wake:
		}
		s.mu.Lock()
		b := inOrder(r.changed)
		b.Problems = s.problems
		r.changed = map[config.Key]*config.Object{}
		s.mu.Unlock()
		if ctx.Err() != nil {
			return nil
		}
		emit(b)
	}
}

// inOrder turns changes into a batch in the order of the keys.
func inOrder(changed map[config.Key]*config.Object) config.Batch {
	var b config.Batch
	for _, key := range slices.SortedFunc(maps.Keys(changed), config.Key.Compare) {
		if o := changed[key]; o != nil {
			b.Upserts = append(b.Upserts, o)
		} else {
			b.Deletes = append(b.Deletes, key)
		}
	}
	return b
}
