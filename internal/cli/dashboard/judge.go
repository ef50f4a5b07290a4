package dashboard

import (
	"context"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/cli/running"
	"github.com/meshctl/meshctl/internal/remote"
	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/analyze/catalog"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/dashboard/judged"
	"github.com/meshctl/meshctl/pkg/topology"
)

// How often the configuration of what runs is analysed again: that of files, and that of a cluster, which is read over the network. Where reading
// and analysing takes long there are pauses of pausing times as long.
const (
	judgeFiles   = 5 * time.Second
	judgeCluster = time.Minute
	pausing      = 20
)

// judge analyses the configuration of what runs again and again, and lays what it finds over graphs.
type judge struct {
	read func(context.Context) (running.Configuration, error)
	// weigh analyses what was read.
	weigh func(context.Context, running.Configuration) *judged.Findings
	every time.Duration
	// namespace is the only one that is looked at, empty for all.
	namespace string

	first chan struct{} // closed when the first analysis has ended, well or not

	mu    sync.Mutex
	found *judged.Findings // of the last analysis that went well
	lacks string           // what found lacks
	err   error            // of the last one
}

func (l *live) newJudge() *judge {
	every := judgeFiles
	if l.far() {
		every = judgeCluster
	}
	return &judge{read: l.reader(quiet(*l.o.Factory)), weigh: l.o.weigh, every: every, namespace: l.o.Namespace, first: make(chan struct{})}
}

// judging is a judge that has judged once already if there is a change to plan: without that nothing can be shown.
func (l *live) judging(ctx context.Context) (*judge, error) {
	j := l.newJudge()
	if !l.o.Plan {
		return j, nil
	}
	again := j.read
	j.read = l.reader(l.o.Factory) // there is no picture yet
	j.once(ctx)
	j.read = again
	return j, j.wait(ctx)
}

// far reports whether the mesh is a cluster's.
func (l *live) far() bool {
	_, far := l.mesh.(*remote.Cluster)
	return far
}

// quiet says nothing while it is read from: the terminal belongs to the picture.
func quiet(f factory.Factory) *factory.Factory {
	f.IO.ErrOut, f.ErrTerminal = io.Discard, false
	return &f
}

// reader reads the configuration of the mesh, and tells f how it goes.
func (l *live) reader(f *factory.Factory) func(context.Context) (running.Configuration, error) {
	return func(ctx context.Context) (running.Configuration, error) {
		ctx, cancel := context.WithTimeout(ctx, reading)
		defer cancel()
		if l.far() {
			return running.Cluster(ctx, f, l.o.Mesh.Kube, config.Kinds())
		}
		return running.Standalone(ctx, f)
	}
}

// analyzers are those that can judge what could be read.
func analyzers(base running.Configuration) []*analyze.Analyzer {
	return slices.DeleteFunc(catalog.All(), func(a *analyze.Analyzer) bool { return base.Missing != nil && len(a.Lacks(base.Missing)) > 0 })
}

// weigh analyses what was read, and lays the change of --plan over it.
func (o *Options) weigh(ctx context.Context, base running.Configuration) *judged.Findings {
	ctx, cancel := context.WithTimeout(ctx, reading)
	defer cancel()
	in := o.input(base, base.Read)
	found := analyze.Run(ctx, in, analyzers(base)).Diagnostics
	if o.Plan {
		o.compare(ctx, base, in, found)
	}
	return judged.New(in.Mesh, found)
}

// run judges until ctx ends: at first only if nobody has done it yet.
func (j *judge) run(ctx context.Context) {
	for done := j.begun(); ; done = false {
		began := time.Now()
		if !done {
			j.once(ctx)
		}
		pause := time.NewTimer(max(j.every, pausing*time.Since(began)))
		select {
		case <-ctx.Done():
			pause.Stop()
			return
		case <-pause.C:
		}
	}
}

func (j *judge) begun() bool {
	select {
	case <-j.first:
		return true
	default:
		return false
	}
}

func (j *judge) once(ctx context.Context) {
	base, err := j.read(ctx)
	var found *judged.Findings
	if err == nil {
		found = j.weigh(ctx, base)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err = err; err == nil {
		j.found, j.lacks = found, unread(base)
	}
	if !j.begun() {
		close(j.first)
	}
}

// over lays over a graph what was found last.
func (j *judge) over(g topology.Graph) topology.Graph {
	j.mu.Lock()
	found, lacks, err := j.found, j.lacks, j.err
	j.mu.Unlock()
	g = found.Over(g, j.namespace)
	switch {
	case err != nil && found == nil:
		g.Unjudged = "the configuration cannot be read: " + err.Error()
	case err != nil:
		g.Unjudged = "findings are those of before, the configuration cannot be read: " + err.Error()
	case found == nil:
		g.Unjudged = "analysis has not ended yet"
	default:
		g.Unjudged = lacks
	}
	return g
}

// unread says which kinds were not read, so that what needs them is not judged; empty when all were.
func unread(base running.Configuration) string {
	if len(base.Why) == 0 {
		return ""
	}
	return base.Unread(slices.SortedFunc(maps.Keys(base.Why), func(a, b config.Kind) int { return strings.Compare(a.Name, b.Name) }))
}

// wait returns when the first analysis has ended, with its error.
func (j *judge) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-j.first:
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.err
}
