package analyze

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

// Result is everything that a run can say.
type Result struct {
	Diagnostics []Diagnostic
	Undecided   []Undecided
	// Failed are the analyzers without a result.
	Failed []Failure
	// Read are the kinds that each analyzer read, by its name.
	Read map[string][]config.Kind
}

// Failure is an analyzer that did not come to an end: it ran out of time, or has a fault of its own.
type Failure struct {
	Analyzer, Reason string
}

// Run runs analyzers over the mesh, several at a time. When ctx ends, those that have not ended yet are Failed and the
// results of the others returned.
func Run(ctx context.Context, in Input, analyzers []*Analyzer) Result {
	r := &run{in: in, codes: map[codes.Code]codes.Description{}}
	for _, d := range codes.All() {
		r.codes[d.Code] = d
	}
	outcomes := make(chan outcome, len(analyzers))
	queue := make(chan *Analyzer, len(analyzers))
	for _, a := range analyzers {
		queue <- a
	}
	close(queue)
	for range min(runtime.GOMAXPROCS(0), len(analyzers)) {
		go func() {
			for a := range queue {
				if ctx.Err() != nil {
					return
				}
				outcomes <- r.one(a)
			}
		}()
	}
	return collect(ctx, outcomes, analyzers)
}

func collect(ctx context.Context, outcomes <-chan outcome, analyzers []*Analyzer) Result {
	out := Result{Read: map[string][]config.Kind{}}
	pending := map[string]bool{}
	for _, a := range analyzers {
		pending[a.Name] = true
	}
	for len(pending) > 0 {
		select {
		case o := <-outcomes:
			delete(pending, o.pass.analyzer.Name)
			if o.failure != "" {
				out.Failed = append(out.Failed, Failure{o.pass.analyzer.Name, o.failure})
				continue
			}
			out.Diagnostics = append(out.Diagnostics, o.pass.findings...)
			out.Undecided = append(out.Undecided, o.pass.open...)
			out.Read[o.pass.analyzer.Name] = o.pass.kinds()
		case <-ctx.Done():
			for name := range pending {
				out.Failed = append(out.Failed, Failure{name, "out of time"})
			}
			pending = nil
		}
	}
	out.Diagnostics = Merge(out.Diagnostics)
	slices.SortFunc(out.Undecided, Undecided.Compare)
	slices.SortFunc(out.Failed, func(a, b Failure) int { return cmp.Compare(a.Analyzer, b.Analyzer) })
	return out
}

type outcome struct {
	pass    *Pass
	failure string
}

// run is what the passes share.
type run struct {
	in    Input
	codes map[codes.Code]codes.Description
	facts sync.Map // of *Fact[T] to *factSlot
	lists sync.Map // of config.Kind to func() []*config.Object
	// What several analyzers ask for, see once: by mesh.ScopeKey, by *Workload, by *config.Object.
	scopes, inbound, workloads sync.Map
}

func (r *run) one(a *Analyzer) (out outcome) {
	out.pass = &Pass{analyzer: a, run: r, read: map[config.Kind]bool{}}
	defer func() {
		if failed := recover(); failed != nil { // one analyzer must not take the others' findings along
			out.failure = fmt.Sprintf("failed, please report this: %v", failed)
		}
	}()
	a.Run(out.pass)
	return out
}

func (r *run) knows(kind config.Kind) bool {
	return r.in.Complete != nil && r.in.Complete(kind) || r.in.Mesh.Set().Len(kind) > 0
}

func (r *run) missing(kind config.Kind) bool { return r.in.Missing != nil && r.in.Missing(kind) }

func (r *run) sorted(kind config.Kind) []*config.Object {
	return once(&r.lists, kind, func() []*config.Object { return r.in.Mesh.Set().Sorted(kind) })
}

func (p *Pass) kinds() []config.Kind {
	var out []config.Kind
	for kind := range p.read {
		out = append(out, kind)
	}
	slices.SortFunc(out, func(a, b config.Kind) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Name, b.Name))
	})
	return out
}
