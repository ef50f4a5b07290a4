// Package leader elects one of the replicas of a control plane to write into the cluster, and holds its writers: the mesh's root
// certificate in every namespace and in the webhooks.
package leader

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"k8s.io/client-go/dynamic"
)

// Writer keeps something in the cluster as it should be until its context is done. It must compare before it writes: another replica,
// or another revision, may have been there.
type Writer struct {
	Name string
	Run  func(ctx context.Context) error
}

// Options of Run.
type Options struct {
	Client dynamic.Interface
	// Namespace and Lease name the Lease (https://kubernetes.io/docs/concepts/architecture/leases/) that the leader holds.
	Namespace, Lease string
	// Identity of this replica, unique among them.
	Identity string
	Writers  []Writer
	// LeaseDuration is how long the others wait for a leader that is silent; default 15 s. The leader renews at a fifth of it and gives
	// up at two thirds.
	LeaseDuration time.Duration
	// Leading, unless nil, hears when this replica begins and ceases to lead.
	Leading func(bool)
	Log     *slog.Logger // nil: silent
}

// Run takes part in the election until ctx is done, and runs the writers while this replica leads. At the end the Lease is released, so
// that another replica leads at once.
func Run(ctx context.Context, o Options) error {
	if o.Identity == "" {
		return fmt.Errorf("election by lease %s/%s: this replica has no name", o.Namespace, o.Lease)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.LeaseDuration <= 0 {
		o.LeaseDuration = 15 * time.Second
	}
	if o.Leading == nil {
		o.Leading = func(bool) {}
	}
	for ctx.Err() == nil {
		o.term(ctx)
	}
	return nil
}

// term waits until this replica leads, and returns when it does no more and every writer has ended.
func (o Options) term(ctx context.Context) {
	e := newElection(o)
	if !e.campaign(ctx) {
		return
	}
	o.Log.Info("this replica writes into the cluster", "lease", o.Namespace+"/"+o.Lease)
	o.Leading(true)
	writing, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { o.write(writing) })
	lost := e.hold(ctx)
	stop()
	running.Wait()
	o.Leading(false)
	if lost == nil {
		e.release(ctx)
		return
	}
	o.Log.Warn("this replica no longer writes into the cluster", "lease", o.Namespace+"/"+o.Lease, "error", lost)
}

// write runs the writers; one that fails is started again.
func (o Options) write(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	for _, w := range o.Writers {
		running.Go(func() {
			for {
				err := w.Run(ctx)
				if ctx.Err() != nil {
					return
				}
				o.Log.Error("writer failed, starting it again", "writer", w.Name, "error", err)
				select {
				case <-ctx.Done():
					return
				case <-time.After(time.Second):
				}
			}
		})
	}
}
