package analyze

import (
	"sync"

	"github.com/meshctl/meshctl/pkg/config"
)

// Fact is something about the mesh that several analyzers ask for: an index, a graph. It is computed at most once a run,
// by whoever asks first, and is read only afterwards. What it read counts as read by everyone who asks.
type Fact[T any] struct{ compute func(*Pass) T }

// NewFact returns a fact. compute must not report.
func NewFact[T any](compute func(*Pass) T) *Fact[T] { return &Fact[T]{compute} }

// Of returns the fact of the mesh that p looks at.
func (f *Fact[T]) Of(p *Pass) T {
	slot, _ := p.run.facts.LoadOrStore(f, &factSlot{})
	s := slot.(*factSlot)
	s.once.Do(func() {
		own := &Pass{analyzer: p.analyzer, run: p.run, read: map[config.Kind]bool{}}
		s.value, s.read = f.compute(own), own.read
	})
	for kind := range s.read {
		p.read[kind] = true
	}
	value, _ := s.value.(T) // a compute that panicked before left nothing: its first asker has failed with it
	return value
}

type factSlot struct {
	once  sync.Once
	value any
	read  map[config.Kind]bool
}
