package dashboard

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/internal/cli/running"
	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/dashboard/judged"
	"github.com/meshctl/meshctl/pkg/dashboard/planned"
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/topology"
)

// reading is how long the configuration of what runs may take to read.
const reading = 2 * time.Minute

// planTogether refuses flags that do not go together.
func (o *Options) planTogether() error {
	switch {
	case o.Plan && len(o.Files) == 0:
		return exitcode.Usagef("--plan: name the files of the change with -f")
	case !o.Plan && len(o.Files) > 0:
		return exitcode.Usagef("-f names the files of a planned change: add --plan")
	case len(o.Config) > 0 && (!o.Plan || o.Replay == ""):
		return exitcode.Usagef("--config is for --plan with --replay: of a mesh that runs, its configuration is known")
	case o.Plan && o.Replay != "" && len(o.Config) == 0:
		return exitcode.Usagef("--plan with --replay: name the configuration before the change with --config")
	}
	return nil
}

// makePlan compares the configuration of what runs, or of --config, with the same after the change. l is nil for a replay.
func (o *Options) makePlan(ctx context.Context, l *live) error {
	if !o.Plan {
		return nil
	}
	change, err := o.Factory.Read(o.Files, "default")
	if err != nil {
		return err
	}
	if err := refused(change); err != nil {
		return err
	}
	base, err := o.base(ctx, l)
	if err != nil {
		return err
	}
	before, after := o.input(base, base.Read), o.input(base, change.Over(base.Read))
	o.plan = planned.New(before.Mesh, after.Mesh, introduced(ctx, base, before, after))
	return nil
}

// base is the configuration before the change.
func (o *Options) base(ctx context.Context, l *live) (running.Configuration, error) {
	if l == nil {
		read, err := o.Factory.Read(o.Config, "default")
		return running.Configuration{Read: read}, err
	}
	return l.configuration(ctx)
}

func (o *Options) input(base running.Configuration, read config.Result) analyze.Input {
	in := analyze.NewInput(read, mesh.Options{SystemNamespace: o.Mesh.System}, o.Factory.Now())
	in.Complete, in.Missing = base.Complete, base.Missing
	return in
}

// refused is the first error that keeps a change from being understood.
func refused(change config.Result) error {
	errors := 0
	var first config.Problem
	for _, p := range change.Problems {
		if p.Severity != config.Error {
			continue
		}
		if errors++; errors == 1 {
			first = p
		}
	}
	switch {
	case errors == 1:
		return fmt.Errorf("the change cannot be planned: %w", first)
	case errors > 1:
		return fmt.Errorf("the change cannot be planned: %w (and %d more: see `meshctl analyze`)", first, errors-1)
	case len(change.Objects) == 0:
		return exitcode.Usagef("there is no object of a mesh in the files of -f: nothing to plan")
	}
	return nil
}

// introduced are the findings that the change brings about, worst first.
func introduced(ctx context.Context, base running.Configuration, before, after analyze.Input) []topology.Finding {
	all := analyzers(base)
	was, is := analyze.Run(ctx, before, all).Diagnostics, analyze.Run(ctx, after, all).Diagnostics
	known, _ := analyze.Compare(was, is)
	var added []analyze.Diagnostic
	for i, d := range is {
		if !known[i] {
			added = append(added, d)
		}
	}
	out := make([]topology.Finding, len(added))
	for i, d := range added {
		out[i] = judged.Short(d)
	}
	slices.SortStableFunc(out, judged.Compare)
	return out
}
