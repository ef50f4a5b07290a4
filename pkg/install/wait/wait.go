// Package wait waits until objects are ready, and says why they are not: from the workload down to the state of a container. What will not
// become ready by itself ends the wait at once. Readiness is that of kstatus
// (https://github.com/fluxcd/cli-utils/tree/main/pkg/kstatus).
package wait

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/meshctl/meshctl/pkg/install/client"
)

// Waiter waits for objects of one cluster.
type Waiter struct {
	Client *client.Client
	// Report, unless nil, is given the trees of what is waited for whenever they change.
	Report func([]Node)
}

// StuckError is the error of what will not become ready.
type StuckError struct {
	Problem Problem
	// Log are the last lines that the container wrote, when it crashes.
	Log string
	// After is how long was waited, when that was the end of it: the problem may pass.
	After time.Duration
}

func (e *StuckError) Error() string {
	s := e.Problem.String()
	if e.After > 0 {
		s = fmt.Sprintf("not ready after %s: %s", e.After.Round(time.Second), s)
	}
	if e.Log != "" {
		s += "\n" + e.Log
	}
	return s
}

// tick is how often the clock is looked at when nothing happens.
const tick = 250 * time.Millisecond

// Ready waits until all objects are ready, for as long as timeout. The error is a *StuckError that names the cause.
func (w Waiter) Ready(ctx context.Context, timeout time.Duration, objects []client.Ref) error {
	if len(objects) == 0 {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	var feeds sync.WaitGroup
	defer feeds.Wait()
	defer cancel()
	updates := make(chan update, 64)
	for _, p := range places(objects) {
		feeds.Go(func() { feed(ctx, w.Client, p, updates) })
	}
	r := round{store: newStore(), objects: objects, since: map[string]time.Time{}}
	began := time.Now()
	clock := time.NewTicker(tick)
	defer clock.Stop()
	for {
		select {
		case u := <-updates:
			r.store.apply(u)
			r.drain(updates)
		case <-clock.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		done, problems := r.look(w.Report)
		if done {
			return nil
		}
		if terminal := r.lasting(problems, time.Now()); terminal != nil {
			return w.stuck(ctx, *terminal, 0)
		}
		if waited := time.Since(began); waited >= timeout {
			return w.stuck(ctx, r.first(problems), waited)
		}
	}
}

// places are what must be watched: the kinds of the objects, and what explains workloads.
func places(objects []client.Ref) []place {
	var out []place
	add := func(p place) {
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	for _, o := range objects {
		add(place{o.GroupVersionKind, o.Namespace})
		if o.Group == "apps" || o.Group == "batch" {
			add(place{replicaSetKind, o.Namespace})
			add(place{podKind, o.Namespace})
			add(place{eventKind, o.Namespace})
		}
	}
	return out
}

// round is one wait.
type round struct {
	store   *store
	objects []client.Ref
	// since is when a problem was first seen; it is forgotten when the problem is gone.
	since map[string]time.Time
	shown string
	nodes []Node
}

func (r *round) drain(updates <-chan update) {
	for {
		select {
		case u := <-updates:
			r.store.apply(u)
		default:
			return
		}
	}
}

func (r *round) look(report func([]Node)) (done bool, problems []Problem) {
	r.nodes, done = nil, true
	for _, o := range r.objects {
		node, found := r.store.target(place{o.GroupVersionKind, o.Namespace}, o.Name)
		r.nodes = append(r.nodes, node)
		problems = append(problems, found...)
		done = done && node.State == Ready
	}
	text := strings.Join(Lines(r.nodes, func(s State) string { return fmt.Sprint(int(s)) }), "\n")
	if text != r.shown && report != nil && r.store.told(r.objects) {
		report(r.nodes)
	}
	r.shown = text
	return done, problems
}

// lasting returns a terminal problem that has lasted for its grace.
func (r *round) lasting(problems []Problem, now time.Time) *Problem {
	seen := map[string]bool{}
	var out *Problem
	for i, p := range problems {
		key := p.key()
		seen[key] = true
		if r.since[key].IsZero() {
			r.since[key] = now
		}
		if p.Terminal && now.Sub(r.since[key]) >= p.Grace && out == nil {
			out = &problems[i]
		}
	}
	for key := range r.since {
		if !seen[key] {
			delete(r.since, key)
		}
	}
	return out
}

// first is the problem to name when time is up: a terminal one if there is one, else any, else what is not ready.
func (r *round) first(problems []Problem) Problem {
	if i := slices.IndexFunc(problems, func(p Problem) bool { return p.Terminal }); i >= 0 {
		return problems[i]
	}
	if len(problems) > 0 {
		return problems[0]
	}
	for _, n := range r.nodes {
		if n.State != Ready {
			return Problem{Where: n.Kind + " " + n.Name, Message: n.Message}
		}
	}
	return Problem{Message: "nothing is known of it"}
}

// lastLines is how much of a log is shown.
const lastLines = 6

func (w Waiter) stuck(ctx context.Context, p Problem, after time.Duration) error {
	e := &StuckError{Problem: p, After: after}
	if p.log == nil {
		return e
	}
	text, err := w.Client.LogTail(ctx, p.log.namespace, p.log.pod, p.log.name, p.Class == "crash", lastLines)
	if err != nil && p.Class == "crash" {
		text, err = w.Client.LogTail(ctx, p.log.namespace, p.log.pod, p.log.name, false, lastLines)
	}
	if err != nil && errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	if err == nil && strings.TrimSpace(text) != "" {
		e.Log = "  log of " + p.log.name + ":\n    " + strings.Join(strings.Split(strings.TrimSpace(text), "\n"), "\n    ")
	}
	return e
}
