package analyze

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/cli/running"
	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/source/kube"
)

// liveOptions are the flags about what runs.
type liveOptions struct {
	on      bool
	kube    factory.Kube
	timeout time.Duration
	// mesh reports whether the user named a standalone mesh.
	mesh func() bool
}

// defaultTimeout is enough for some ten thousand objects over a slow line.
const defaultTimeout = 2 * time.Minute

func (o *Options) liveFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&o.live.on, "live", false, "analyze the running mesh or a cluster, with the files given laid over it")
	o.live.kube.AddFlags(flags)
	flags.DurationVar(&o.live.timeout, "timeout", defaultTimeout, "with --live, how long it may take; what is not read by then is left out")
	o.live.mesh = func() bool { return cmd.Flags().Changed("mesh") }
}

// gathered is everything to judge, and what is known about it. Its origin is empty without --live; with it, objects without a file are of
// there.
type gathered struct{ running.Configuration }

// deadline bounds the whole run against what is live; files need none.
func (o *Options) deadline(ctx context.Context) (context.Context, context.CancelFunc) {
	if !o.live.on {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, o.live.timeout)
}

// gather reads what the command line names.
func (o *Options) gather(ctx context.Context, c choice) (gathered, error) {
	if !o.live.on {
		if o.live.kube.Given() {
			return gathered{}, exitcode.Usagef("--kubeconfig, --context and --as choose a cluster: they need --live")
		}
		read, err := o.read()
		return gathered{running.Configuration{Read: read}}, err
	}
	if o.live.timeout <= 0 {
		return gathered{}, exitcode.Usagef("--timeout %s: it must be more than nothing", o.live.timeout)
	}
	var above config.Result
	if len(o.Paths) > 0 {
		var err error
		if above, err = o.Factory.Read(o.Paths, o.DefaultNamespace); err != nil {
			return gathered{}, err
		}
	}
	out, err := o.running(ctx, c)
	if err != nil {
		return gathered{}, err
	}
	out.Read, err = o.withMeshConfig(above.Over(out.Read))
	return out, err
}

// running reads what runs: where the command line does not say which mesh or cluster is meant, KUBECONFIG does, then what there is.
func (o *Options) running(ctx context.Context, c choice) (gathered, error) {
	byKube := o.live.kube.Given()
	switch {
	case byKube && o.live.mesh():
		return gathered{}, exitcode.Usagef("--mesh means a mesh on this machine, --kubeconfig, --context and --as one in a cluster: give one of them")
	case byKube, !o.live.mesh() && o.Factory.Getenv("KUBECONFIG") != "":
		return o.cluster(ctx, c)
	case o.live.mesh():
		return o.standalone(ctx)
	}
	out, err := o.standalone(ctx)
	if !errors.Is(err, factory.ErrNoMesh) {
		return out, err
	}
	out, failed := o.cluster(ctx, c)
	if errors.Is(failed, kube.ErrNoCluster) {
		return gathered{}, fmt.Errorf("nothing runs that could be analyzed: %w; name a cluster with --kubeconfig or --context, or start a mesh with `meshctl demo`", err)
	}
	return out, failed
}

// standalone reads the mesh on this machine.
func (o *Options) standalone(ctx context.Context) (gathered, error) {
	ctx, cancel := context.WithTimeout(ctx, listing(o.live.timeout))
	defer cancel()
	c, err := running.Standalone(ctx, o.Factory)
	return gathered{c}, err
}

// cluster lists what the analyzers want to know of a cluster.
func (o *Options) cluster(ctx context.Context, c choice) (gathered, error) {
	ctx, cancel := context.WithTimeout(ctx, listing(o.live.timeout))
	defer cancel()
	out, err := running.Cluster(ctx, o.Factory, o.live.kube, wanted(c.analyzers))
	return gathered{out}, err
}

// input resolves what was read.
func (o *Options) input(g gathered) analyze.Input {
	in := o.resolve(g.Read)
	in.Complete, in.Missing = g.Complete, g.Missing
	return in
}

// late is the error of a run that the deadline cut short: nothing found is no good news then.
func (g gathered) late() error {
	for _, reason := range g.Why {
		if reason == string(kube.OutOfTime) {
			return &exitcode.Error{Code: exitcode.Failure, Err: errors.New("not everything was read in time: allow more with --timeout")}
		}
	}
	return nil
}

// runnable divides analyzers into those that can judge what was read and those that lack a kind.
func (g gathered) runnable(all []*analyze.Analyzer) (can []*analyze.Analyzer, skipped []analyze.Failure) {
	if g.Missing == nil {
		return all, nil
	}
	for _, a := range all {
		lacks := a.Lacks(g.Missing)
		if len(lacks) == 0 {
			can = append(can, a)
			continue
		}
		skipped = append(skipped, analyze.Failure{Analyzer: a.Name, Reason: g.Unread(lacks)})
	}
	return can, skipped
}

// listing is how much of the time reading may take: some must be left to judge what was read.
func listing(timeout time.Duration) time.Duration { return timeout - min(timeout/5, 10*time.Second) }

// wanted are the kinds that analyzers read; every kind for those that judge whatever there is.
func wanted(analyzers []*analyze.Analyzer) []config.Kind {
	reads := map[config.Kind]bool{}
	for _, a := range analyzers {
		for _, kind := range a.Kinds {
			reads[kind] = true
		}
	}
	var out []config.Kind
	for _, kind := range config.Kinds() {
		if reads[kind] || len(reads) == 0 {
			out = append(out, kind)
		}
	}
	return out
}
