package dashboard

import (
	"context"
	"io"
	"slices"
	"sync"
	"time"

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

	first chan struct{} // closed when the first analysis has ended, well or not

	mu    sync.Mutex
	found *judged.Findings // of the last analysis that went well
	err   error            // of the last one
}

func (l *live) newJudge() *judge {
	every := judgeFiles
	if l.far() {
		every = judgeCluster
	}
	return &judge{read: l.quietly().configuration, weigh: l.o.weigh, every: every, first: make(chan struct{})}
}

// far reports whether the mesh is a cluster's.
func (l *live) far() bool {
	_, far := l.mesh.(*remote.Cluster)
	return far
}

// quietly is the same mesh of which nothing is said while it is read: the terminal belongs to the picture.
func (l *live) quietly() *live {
	o, f := *l.o, *l.o.Factory
	f.IO.ErrOut, f.ErrTerminal = io.Discard, false
	o.Factory = &f
	return &live{&o, l.mesh, l.feed}
}

// configuration reads that of the mesh.
func (l *live) configuration(ctx context.Context) (running.Configuration, error) {
	ctx, cancel := context.WithTimeout(ctx, reading)
	defer cancel()
	if l.far() {
		return running.Cluster(ctx, l.o.Factory, l.o.Mesh.Kube, config.Kinds())
	}
	return running.Standalone(ctx, l.o.Factory)
}

// analyzers are those that can judge what could be read.
func analyzers(base running.Configuration) []*analyze.Analyzer {
	return slices.DeleteFunc(catalog.All(), func(a *analyze.Analyzer) bool { return base.Missing != nil && len(a.Lacks(base.Missing)) > 0 })
}

func (o *Options) weigh(ctx context.Context, base running.Configuration) *judged.Findings {
	ctx, cancel := context.WithTimeout(ctx, reading)
	defer cancel()
	in := o.input(base, base.Read)
	return judged.New(in.Mesh, analyze.Run(ctx, in, analyzers(base)).Diagnostics)
}

// run judges until ctx ends.
func (j *judge) run(ctx context.Context) {
	for {
		began := time.Now()
		j.once(ctx)
		pause := time.NewTimer(max(j.every, pausing*time.Since(began)))
		select {
		case <-ctx.Done():
			pause.Stop()
			return
		case <-pause.C:
		}
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
		j.found = found
	}
	select {
	case <-j.first:
	default:
		close(j.first)
	}
}

// over lays over a graph what was found last.
func (j *judge) over(g topology.Graph) topology.Graph {
	j.mu.Lock()
	found := j.found
	j.mu.Unlock()
	return found.Over(g)
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
