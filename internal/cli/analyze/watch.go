package analyze

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/cli/analyze/report"
	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/source/dir"
)

func (o *Options) watchFlags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.watch, "watch", false, "analyze again whenever a file changes, and tell what is new and what is gone")
}

func (o *Options) watchTogether() error {
	if !o.watch {
		return nil
	}
	switch format := printer.Format(o.Output.Value()); {
	case o.live.on:
		return exitcode.Usagef("--watch watches files: leave out --live")
	case o.fix.on || o.Base != "" || o.baseline.write != "":
		return exitcode.Usagef("--watch tells what is new and what is gone: leave out --fix, --base and --write-baseline")
	case slices.ContainsFunc(o.Paths, factory.Streams):
		return exitcode.Usagef("--watch watches files, not standard input: name files or directories")
	case format != report.Log && format != printer.FormatTable && format != printer.FormatWide:
		return exitcode.Usagef("--watch writes log, table or wide, not %s", format)
	}
	return nil
}

// follow analyzes once, and again after each change, until ctx ends: that is how it is meant to end, and no failure.
func (o *Options) follow(ctx context.Context, w report.Writer, c choice) error {
	if _, err := o.read(); err != nil {
		return err
	}
	paths, err := factory.Expand(o.Paths)
	if err != nil {
		return err
	}
	if o.MeshConfig != "" {
		paths = append(paths, o.MeshConfig)
	}
	source := dir.New(dir.Options{Paths: paths, Decoder: config.Decoder{DefaultNamespace: o.DefaultNamespace}})
	watch := &watch{options: o, writer: w, choice: c}
	return source.Run(ctx, func(config.Batch) { watch.look(ctx) })
}

// watch is what was found last.
type watch struct {
	options *Options
	writer  report.Writer
	choice  choice
	looked  bool
	last    []analyze.Diagnostic
}

// look analyzes and tells the difference; at first, everything. What cannot be read keeps the last findings.
func (w *watch) look(ctx context.Context) {
	r, err := w.report(ctx)
	if ctx.Err() != nil {
		return
	}
	if err == nil {
		err = w.tell(r)
	}
	if err != nil {
		w.options.Factory.Say("error: %v", err)
	}
}

func (w *watch) report(ctx context.Context) (*report.Report, error) {
	j, err := w.options.judge(ctx, w.choice)
	if err != nil {
		return nil, err
	}
	return w.options.report(w.choice, j)
}

func (w *watch) tell(r *report.Report) error {
	var now []analyze.Diagnostic
	for _, f := range r.Findings {
		now = append(now, f.Diagnostic)
	}
	before := &base{findings: w.last}
	first := !w.looked
	w.looked, w.last = true, now
	if !first {
		total := *r
		r.Findings = slices.DeleteFunc(before.compare(now), func(f report.Finding) bool { return f.Change == report.Unchanged })
		if len(r.Findings) == 0 {
			w.options.Factory.Say("nothing new, nothing gone: %s", total.Total())
			return nil
		}
		r.Undecided = nil // they were told at first
		if err := w.writer.Findings(r); err != nil {
			return err
		}
		w.options.Factory.Say("%s", total.Total())
		return nil
	}
	return w.writer.Write(r)
}
