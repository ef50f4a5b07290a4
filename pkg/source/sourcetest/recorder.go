package sourcetest

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/source"
)

// patience bounds every wait; a source that works is much faster.
const patience = 10 * time.Second

// Recorder runs a source and follows what it emits.
type Recorder struct {
	t       *testing.T
	cancel  context.CancelFunc
	batches chan config.Batch
	done    chan error
	emits   atomic.Int32
	// hold passes a gate to the next emit, which waits until it opens, as a slow consumer does.
	hold chan chan struct{}

	// Set and Problems are the state after the batches taken so far; Last is the latest of them.
	Set      config.Set
	Problems []config.Problem
	Last     config.Batch
	taken    int
}

// Record starts src. It is stopped at the end of the test, if not before.
func Record(t *testing.T, src source.Source) *Recorder {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r := &Recorder{t: t, cancel: cancel, batches: make(chan config.Batch, 10_000), done: make(chan error, 1), hold: make(chan chan struct{}, 1)}
	go func() { r.done <- src.Run(ctx, r.emit) }()
	t.Cleanup(func() {
		cancel()
		if r.done != nil {
			r.Stop()
		}
	})
	return r
}

func (r *Recorder) emit(b config.Batch) {
	if r.emits.Add(1) != 1 {
		r.t.Error("emit is called while another emit is running")
	}
	defer r.emits.Add(-1)
	select {
	case release := <-r.hold:
		<-release
	default:
	}
	r.batches <- b
}

// Hold makes the next emit block until release is called.
func (r *Recorder) Hold() (release func()) {
	gate := make(chan struct{})
	r.hold <- gate
	return func() { close(gate) }
}

// Next waits for the next batch and takes it.
func (r *Recorder) Next() config.Batch {
	r.t.Helper()
	select {
	case b := <-r.batches:
		r.take(b)
		return b
	case err := <-r.done:
		r.done = nil
		r.t.Fatalf("Run returned early: %v", err)
	case <-time.After(patience):
		r.t.Fatal("no batch came")
	}
	return config.Batch{}
}

func (r *Recorder) take(b config.Batch) {
	r.t.Helper()
	if r.taken == 0 && !b.Full {
		r.t.Error("the first batch is not Full")
	}
	r.taken++
	seen := map[config.Key]bool{}
	for _, o := range b.Upserts {
		if seen[o.Key] {
			r.t.Errorf("%s stands twice in a batch", o.Key)
		}
		seen[o.Key] = true
	}
	for _, key := range b.Deletes {
		if seen[key] {
			r.t.Errorf("%s is both changed and deleted in a batch, or deleted twice", key)
		}
		seen[key] = true
	}
	r.Set, r.Problems, r.Last = r.Set.With(b), b.Problems, b
}

// Until takes batches until the state is as wanted.
func (r *Recorder) Until(what string, ok func() bool) {
	r.t.Helper()
	deadline := time.After(patience)
	for r.taken == 0 || !ok() {
		select {
		case b := <-r.batches:
			r.take(b)
		case err := <-r.done:
			r.done = nil
			r.t.Fatalf("Run returned early: %v", err)
		case <-deadline:
			r.t.Fatalf("waited in vain until %s; there are %v and %v", what, r.Set.Keys(), r.Problems)
		}
	}
}

// Stop cancels the source and waits until Run returns.
func (r *Recorder) Stop() {
	r.t.Helper()
	r.cancel()
	select {
	case err := <-r.done:
		if err != nil {
			r.t.Errorf("Run returned %v after it was cancelled", err)
		}
	case <-time.After(patience):
		r.t.Error("Run does not return after it was cancelled")
	}
	r.done = nil
}
