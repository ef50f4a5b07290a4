// Package overlay lays sources over each other: an object of a later layer hides the object of the same key in the
// layers below, and shows it again when it goes.
package overlay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/source"
)

// Source is the combination of its layers.
type Source struct{ layers []source.Source }

// New combines layers, the lowest first.
func New(layers ...source.Source) *Source { return &Source{layers: layers} }

// report is what one layer said.
type report struct {
	layer int
	batch config.Batch
	ended bool
	err   error
}

// Run implements source.Source. It emits when every layer has said its first; it fails when one of the layers fails.
func (s *Source) Run(ctx context.Context, emit func(config.Batch)) error {
	ctx, cancel := context.WithCancel(ctx)
	var wait sync.WaitGroup
	defer wait.Wait()
	defer cancel()
	reports := make(chan report)
	send := func(r report) {
		select {
		case reports <- r:
		case <-ctx.Done():
		}
	}
	for i, layer := range s.layers {
		wait.Go(func() {
			err := layer.Run(ctx, func(b config.Batch) { send(report{layer: i, batch: b}) })
			send(report{layer: i, ended: true, err: err})
		})
	}
	return s.merge(ctx, reports, emit)
}

func (s *Source) merge(ctx context.Context, reports <-chan report, emit func(config.Batch)) error {
	m := newMerger(len(s.layers))
	if m.waiting == 0 {
		emit(config.Batch{Full: true})
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case r := <-reports:
			switch {
			case ctx.Err() != nil:
				return nil
			case r.err != nil:
				return fmt.Errorf("layer %d: %w", r.layer+1, r.err)
			case r.ended && !m.heard[r.layer]:
				return fmt.Errorf("layer %d: %w", r.layer+1, errSilent)
			case r.ended: // its objects stay
			default:
				if b, ready := m.add(r.layer, r.batch); ready {
					emit(b)
				}
			}
		}
	}
}

var errSilent = errors.New("ended without saying anything")

// merger knows the state of each layer.
type merger struct {
	layers   []map[config.Key]*config.Object
	problems [][]config.Problem
	heard    []bool
	waiting  int // layers that have not said their first
}

func newMerger(n int) *merger {
	m := &merger{layers: make([]map[config.Key]*config.Object, n), problems: make([][]config.Problem, n), heard: make([]bool, n), waiting: n}
	for i := range m.layers {
		m.layers[i] = map[config.Key]*config.Object{}
	}
	return m
}

// add takes a batch of a layer and returns what it changes in the combination; not ready while layers are missing.
func (m *merger) add(layer int, b config.Batch) (out config.Batch, ready bool) {
	before := map[config.Key]*config.Object{}
	set := func(key config.Key, o *config.Object) {
		if _, known := before[key]; !known {
			before[key] = m.top(key)
		}
		if o == nil {
			delete(m.layers[layer], key)
		} else {
			m.layers[layer][key] = o
		}
	}
	if b.Full {
		fresh := make(map[config.Key]bool, len(b.Upserts))
		for _, o := range b.Upserts {
			fresh[o.Key] = true
		}
		for key := range m.layers[layer] {
			if !fresh[key] {
				set(key, nil)
			}
		}
	}
	for _, key := range b.Deletes {
		set(key, nil)
	}
	for _, o := range b.Upserts {
		set(o.Key, o)
	}
	problemsChanged := !slices.Equal(m.problems[layer], b.Problems)
	m.problems[layer] = b.Problems
	if !m.heard[layer] {
		m.heard[layer] = true
		if m.waiting--; m.waiting == 0 {
			return m.full(), true
		}
	}
	if m.waiting > 0 {
		return out, false
	}
	out = m.difference(before)
	return out, problemsChanged || len(out.Upserts)+len(out.Deletes) > 0
}

// top returns the object that shows under key, or nil.
func (m *merger) top(key config.Key) *config.Object {
	for _, layer := range slices.Backward(m.layers) {
		if o := layer[key]; o != nil {
			return o
		}
	}
	return nil
}

func (m *merger) full() config.Batch {
	out := config.Batch{Full: true, Problems: slices.Concat(m.problems...)}
	hidden := map[config.Key]bool{}
	for _, layer := range slices.Backward(m.layers) {
		for key, o := range layer {
			if !hidden[key] {
				hidden[key] = true
				out.Upserts = append(out.Upserts, o)
			}
		}
	}
	sortBatch(&out)
	return out
}

func (m *merger) difference(before map[config.Key]*config.Object) config.Batch {
	out := config.Batch{Problems: slices.Concat(m.problems...)}
	for key, old := range before {
		switch now := m.top(key); now {
		case old:
		case nil:
			out.Deletes = append(out.Deletes, key)
		default:
			out.Upserts = append(out.Upserts, now)
		}
	}
	sortBatch(&out)
	return out
}

func sortBatch(b *config.Batch) {
	slices.SortFunc(b.Deletes, config.Key.Compare)
	slices.SortFunc(b.Upserts, func(a, c *config.Object) int { return a.Key.Compare(c.Key) })
}
