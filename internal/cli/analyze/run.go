package analyze

import (
	"context"
	"errors"
	"runtime/debug"

	"github.com/meshctl/meshctl/internal/cli/analyze/report"
	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// run is the command: read, resolve, judge, choose, report.
func run(ctx context.Context, o *Options) error {
	switch {
	case o.List:
		return o.list()
	case o.Explain != "":
		return o.explain()
	}
	p, err := o.Factory.Printer(o.Output)
	if err != nil {
		return err
	}
	c, err := o.choose()
	if err != nil {
		return err
	}
	// Nearly all that is made here lives until the end: collecting garbage often would take a fourth of the time.
	debug.SetGCPercent(200)
	ctx, cancel := o.deadline(ctx)
	defer cancel()
	g, err := o.gather(ctx, c)
	if err != nil {
		return err
	}
	var skipped []analyze.Failure
	c.analyzers, skipped = g.runnable(c.analyzers)
	in := o.input(g)
	result := analyze.Run(ctx, in, c.analyzers)
	if err := o.withEnvoy(ctx, in, &result); err != nil {
		return err
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	r := o.report(c, g.read, result)
	r.Skipped, r.Origin = skipped, g.origin
	w := report.Writer{Printer: p, Say: o.Factory.Say, Threshold: c.threshold, Undecided: o.Undecided}
	if err := w.Write(r); err != nil {
		return err
	}
	if err := verdict(r, c); err != nil {
		return err
	}
	return g.late()
}

// read reads everything that the command line names.
func (o *Options) read() (config.Result, error) {
	if len(o.Paths) == 0 {
		return config.Result{}, exitcode.Usagef("name what to analyze: files, directories, patterns, or - for standard input")
	}
	read, err := o.Factory.Read(o.Paths, o.DefaultNamespace)
	if err != nil {
		return config.Result{}, err
	}
	if len(read.Objects)+len(read.Problems)+len(read.Foreign) == 0 {
		return config.Result{}, errors.New("there is no object in the input: nothing to analyze")
	}
	if n := len(read.Foreign); n > 0 && len(read.Objects)+len(read.Problems) == 0 {
		o.Factory.Say("note: nothing in the input concerns a mesh; objects of other API groups: %d", n)
	}
	return o.withMeshConfig(read)
}

// resolve resolves what was read.
func (o *Options) resolve(read config.Result) analyze.Input {
	return analyze.NewInput(read, mesh.Options{SystemNamespace: o.SystemNamespace}, o.Factory.Now())
}

// report keeps of the result what is wanted.
func (o *Options) report(c choice, read config.Result, result analyze.Result) *report.Report {
	r := &report.Report{
		Analyzers: c.analyzers, Objects: len(read.Objects) + len(read.Salvaged), Failed: result.Failed,
		Undecided: c.filter.ApplyOpen(result.Undecided),
	}
	var wanted []analyze.Diagnostic
	wanted, r.Suppressed = c.filter.Apply(result.Diagnostics)
	for _, d := range wanted {
		r.Findings = append(r.Findings, report.Finding{Diagnostic: d})
	}
	for _, s := range c.suppressions {
		if !s.matchesAny(result.Diagnostics) {
			o.Factory.Say("note: --suppress %q matches no finding", s.text)
		}
	}
	return r
}

// verdict is the exit code. Findings are reported even if not every analyzer came to an end.
func verdict(r *report.Report, c choice) error {
	switch {
	case r.Reaches(c.threshold):
		return exitcode.Found()
	case len(r.Failed) > 0:
		return &exitcode.Error{Code: exitcode.Failure} // the report names them
	}
	return nil
}
