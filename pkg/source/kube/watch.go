package kube

import (
	"context"
	"errors"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/source"
)

const (
	// rediscover is how often kinds that the cluster does not serve are looked for where nothing tells that their definition came. After
	// one came they are looked for at once, and then less and less often.
	rediscover = 30 * time.Second
	// A cluster that fails is asked again after retryFirst, and then less and less often; retryMost bounds how late a recovery is noticed.
	retryFirst = 100 * time.Millisecond
	retryMost  = 3 * time.Second
)

// Watch returns a source that follows all objects of some kinds, in all namespaces, through client-go's reflectors. A kind that is not
// served is awaited: its objects come when its definition does, and go with it. What the mesh does not read is dropped before it is
// stored, and of Secrets and ConfigMaps only those that others name are read at all. While the cluster is away, what was last known
// stays.
func (c *Cluster) Watch(kinds []config.Kind) source.Source { return &watcher{cluster: c, kinds: kinds} }

type watcher struct {
	cluster *Cluster
	kinds   []config.Kind
}

// Run implements source.Source.
func (w *watcher) Run(ctx context.Context, emit func(config.Batch)) error {
	ctx, cancel := context.WithCancel(ctx)
	var parts sync.WaitGroup
	defer parts.Wait()
	defer cancel()
	f := newFeed(w.kinds)
	run := &following{cluster: w.cluster, feed: f, chosen: newChoice(), gone: make(chan config.Kind), parts: &parts}
	parts.Go(func() { run.definitions(ctx) })
	parts.Go(func() { run.follow(ctx, w.kinds) })
	f.run(ctx, emit)
	return nil
}

// following is one run of a watcher.
type following struct {
	cluster *Cluster
	feed    *feed
	chosen  *choice
	// gone names kinds that the cluster no longer serves; defined wakes whoever looks for kinds.
	gone    chan config.Kind
	defined signal
	parts   *sync.WaitGroup
}

// follow starts a reflector for each kind once it is served, and again when it was gone.
func (r *following) follow(ctx context.Context, kinds []config.Kind) {
	absent := map[config.Kind]bool{}
	for _, k := range kinds {
		absent[k] = true
	}
	failing, awaiting := newBackoff(), newBackoffTo(rediscover)
	for {
		var pause time.Duration
		if len(absent) > 0 && !r.discover(ctx, absent) {
			pause = failing.Step()
		} else {
			failing, pause = newBackoff(), awaiting.Step()
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		case <-r.defined.raised():
			awaiting = newBackoffTo(rediscover) // a server serves what is defined, but a moment later
		case kind := <-r.gone:
			absent[kind] = true
		}
		timer.Stop()
	}
}

// discover looks for absent kinds and starts to follow those that are served. It returns false when the cluster could not be asked.
func (r *following) discover(ctx context.Context, absent map[config.Kind]bool) bool {
	var wanted []config.Kind
	for k := range absent {
		wanted = append(wanted, k)
	}
	found, missing, err := r.cluster.discover(ctx, wanted)
	if err != nil {
		return false
	}
	for _, f := range found {
		if f.path == "" { // the cluster does not have the kind
			r.feed.settle(f.kind, nil)
			continue
		}
		delete(absent, f.kind)
		r.parts.Go(func() { r.reflect(ctx, f) })
	}
	for _, m := range missing {
		r.feed.settle(m.Kind, unreadable(m.Kind, m.Message))
	}
	return true
}

// reflect follows one kind until ctx ends or the kind is gone.
func (r *following) reflect(ctx context.Context, of resource) {
	lister := &lister{cluster: r.cluster, resource: of, decode: r.decoder(of)}
	s := newStore(of.kind, r.feed, r.chosen)
	s.fetch = func(key config.Key) { r.fetch(ctx, lister, s, key) }
	r.chosen.add(s)
	refused := refusals{patience: r.cluster.o.RefusedPatience}
	keep(ctx, lister, s, func(err error) bool {
		if errors.Is(err, errNotFound) {
			_ = s.Replace(nil, "")
			select {
			case r.gone <- of.kind:
			case <-ctx.Done():
			}
			return false
		}
		if refused.last(err, time.Now()) {
			r.feed.settle(of.kind, unreadable(of.kind, err.Error()))
		}
		return true
	})
}

func unreadable(kind config.Kind, why string) *config.Problem {
	return &config.Problem{Message: kind.Name + " objects cannot be read: " + why, Fix: "give the control plane the permissions of its ClusterRole"}
}

// refusals tells a kind that one may not read from a server that has just started and does not know its roles yet: going on without a
// kind takes its objects from every proxy.
type refusals struct {
	patience    time.Duration
	first, seen time.Time
}

// last reports whether the server has refused for so long that it will go on so.
func (r *refusals) last(err error, now time.Time) bool {
	if !errors.Is(err, errForbidden) && !errors.Is(err, errRefused) {
		r.first = time.Time{}
		return false
	}
	if r.first.IsZero() || now.Sub(r.seen) > 3*retryMost { // it was read in between
		r.first = now
	}
	r.seen = now
	return now.Sub(r.first) >= r.patience
}

// definitions wakes follow when the definition of a kind comes or goes.
func (r *following) definitions(ctx context.Context) {
	of := resource{kind: config.CustomResourceDefinition, apiVersion: "apiextensions.k8s.io/v1", path: "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"}
	keep(ctx, &lister{cluster: r.cluster, resource: of, decode: keyOnly}, signalStore{&r.defined}, func(error) bool { return true })
}

func newBackoff() *wait.Backoff { return newBackoffTo(retryMost) }

func newBackoffTo(most time.Duration) *wait.Backoff {
	return &wait.Backoff{Duration: retryFirst, Factor: 2, Jitter: 0.2, Steps: 10, Cap: most}
}

// signal wakes one waiter; several raises before it waits are one.
type signal struct {
	once sync.Once
	c    chan struct{}
}

func (s *signal) raised() chan struct{} {
	s.once.Do(func() { s.c = make(chan struct{}, 1) })
	return s.c
}

func (s *signal) raise() {
	select {
	case s.raised() <- struct{}{}:
	default:
	}
}
