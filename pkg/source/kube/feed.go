package kube

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/meshctl/meshctl/pkg/config"
)

// feed collects what the reflectors say and emits it, in as few batches as the consumer takes. The first one waits for every kind.
type feed struct {
	wake signal

	mu      sync.Mutex
	waiting map[config.Kind]bool
	// changed holds what is not emitted yet, nil for an object that is gone.
	changed  map[config.Key]*config.Object
	problems map[config.Key][]config.Problem // of objects, and of kinds under a key without a name
	moved    bool                            // problems differ from those emitted last
	held     int                             // reads for which the first batch waits
	full     bool                            // the first batch is emitted
}

func newFeed(kinds []config.Kind) *feed {
	f := &feed{waiting: map[config.Kind]bool{}, changed: map[config.Key]*config.Object{}, problems: map[config.Key][]config.Problem{}}
	for _, k := range kinds {
		f.waiting[k] = true
	}
	return f
}

// settle says that a kind need not be waited for, and what is wrong with it as a whole.
func (f *feed) settle(kind config.Kind, problem *config.Problem) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.waiting, kind)
	var list []config.Problem
	if problem != nil {
		list = []config.Problem{*problem}
	}
	f.report(config.Key{Kind: kind}, list)
	f.wake.raise()
}

// hold makes the first batch wait for more reads, or for fewer.
func (f *feed) hold(more int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.held += more
	f.wake.raise()
}

// report replaces the problems of a key.
func (f *feed) report(key config.Key, list []config.Problem) {
	if len(list) == 0 && len(f.problems[key]) == 0 {
		return
	}
	f.moved = true
	if f.problems[key] = list; len(list) == 0 {
		delete(f.problems, key)
	}
}

// put says what an object is now; a nil object is gone, or cannot be read.
func (f *feed) put(key config.Key, o *config.Object, problems []config.Problem) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.changed[key] = o
	f.report(key, problems)
	f.wake.raise()
}

// run emits until ctx ends.
func (f *feed) run(ctx context.Context, emit func(config.Batch)) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.wake.raised():
		}
		if b, ok := f.take(); ok && ctx.Err() == nil {
			emit(b)
		}
	}
}

// take returns what has changed since the batch before.
func (f *feed) take() (config.Batch, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.full && len(f.waiting)+f.held > 0 || f.full && len(f.changed) == 0 && !f.moved {
		return config.Batch{}, false
	}
	b := config.Batch{Full: !f.full}
	for key, o := range f.changed {
		switch {
		case o != nil:
			b.Upserts = append(b.Upserts, o)
		case f.full:
			b.Deletes = append(b.Deletes, key)
		}
	}
	for _, list := range f.problems {
		b.Problems = append(b.Problems, list...)
	}
	slices.SortFunc(b.Upserts, func(x, y *config.Object) int { return x.Key.Compare(y.Key) })
	slices.SortFunc(b.Deletes, config.Key.Compare)
	slices.SortStableFunc(b.Problems, func(x, y config.Problem) int {
		return cmp.Or(x.Object.Compare(y.Object), cmp.Compare(x.Message, y.Message))
	})
	f.changed, f.moved, f.full = map[config.Key]*config.Object{}, false, true
	return b, true
}
