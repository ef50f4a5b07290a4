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

// readChange reads the files of the change, which must be understood.
func (o *Options) readChange() error {
	if !o.Plan {
		return nil
	}
	var err error
	if o.change, err = o.Factory.Read(o.Files, "default"); err != nil {
		return err
	}
	return refused(o.change)
}

// planReplay compares the configuration of --config with the same after the change.
func (o *Options) planReplay(ctx context.Context) error {
	if err := o.readChange(); err != nil || !o.Plan {
		return err
	}
	read, err := o.Factory.Read(o.Config, "default")
	if err != nil {
		return err
	}
	base := running.Configuration{Read: read}
	before := o.input(base, read)
	o.compare(ctx, base, before, analyze.Run(ctx, before, analyzers(base)).Diagnostics)
	return nil
}

// compare plans the change of a configuration, of which was is what analysis finds before.
func (o *Options) compare(ctx context.Context, base running.Configuration, before analyze.Input, was []analyze.Diagnostic) {
	after := o.input(base, o.change.Over(base.Read))
	o.plan.Store(planned.New(before.Mesh, after.Mesh, introduced(was, analyze.Run(ctx, after, analyzers(base)).Diagnostics)))
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
func introduced(was, is []analyze.Diagnostic) []topology.Finding {
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
