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
	if err := o.together(); err != nil {
		return err
	}
	// Nearly all that is made here lives until the end: collecting garbage often would take a fourth of the time.
	debug.SetGCPercent(200)
	w := report.Writer{Printer: p, Say: o.Factory.Say, Threshold: c.threshold, Undecided: o.Undecided}
	if o.watch {
		return o.follow(ctx, w, c)
	}
	ctx, cancel := o.deadline(ctx)
	defer cancel()
	if c.base, err = o.judgeBase(ctx, c); err != nil {
		return err
	}
	j, err := o.judge(ctx, c)
	if err != nil {
		return err
	}
	if o.fix.on {
		if j, err = o.repair(ctx, c, j); err != nil {
			return err
		}
	}
	r, err := o.report(c, j)
	if err != nil {
		return err
	}
	if !o.fix.dryRun {
		err = w.Write(r)
	}
	if err != nil {
		return err
	}
	if err := verdict(r, c); err != nil {
		return err
	}
	return j.late()
}

// together refuses flags that do not go together.
func (o *Options) together() error {
	for _, check := range []func() error{o.fixTogether, o.baselineTogether, o.baseTogether, o.watchTogether} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// judged is what was read and what was found in it.
type judged struct {
	gathered
	result    analyze.Result
	analyzers []*analyze.Analyzer
	skipped   []analyze.Failure
}

// judge reads what the command line names, and analyzes it.
func (o *Options) judge(ctx context.Context, c choice) (judged, error) {
	g, err := o.gather(ctx, c)
	if err != nil {
		return judged{}, err
	}
	j := judged{gathered: g}
	j.analyzers, j.skipped = g.runnable(c.analyzers)
	j.result, err = o.find(ctx, o.input(g), j.analyzers)
	return j, err
}

// find runs the analyzers and, if that is asked for, Envoy.
func (o *Options) find(ctx context.Context, in analyze.Input, analyzers []*analyze.Analyzer) (analyze.Result, error) {
	result := analyze.Run(ctx, in, analyzers)
	if err := o.withEnvoy(ctx, in, &result); err != nil {
		return analyze.Result{}, err
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return analyze.Result{}, ctx.Err()
	}
	return result, nil
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
func (o *Options) report(c choice, j judged) (*report.Report, error) {
	r := &report.Report{
		Origin: j.Origin, Analyzers: j.analyzers, Objects: len(j.Read.Objects) + len(j.Read.Salvaged), Failed: j.result.Failed, Skipped: j.skipped,
		Undecided: c.filter.ApplyOpen(j.result.Undecided),
	}
	var wanted []analyze.Diagnostic
	wanted, r.Suppressed = c.filter.Apply(j.result.Diagnostics)
	for _, s := range c.suppressions {
		if !s.matchesAny(j.result.Diagnostics) {
			o.Factory.Say("note: --suppress %q matches no finding", s.text)
		}
	}
	var err error
	if wanted, r.Known, err = o.known(c, j, wanted); err != nil {
		return nil, err
	}
	if c.base != nil {
		r.Findings = c.base.compare(wanted)
		r.Failed = append(r.Failed, c.base.failed...)
		return r, nil
	}
	for _, d := range wanted {
		r.Findings = append(r.Findings, report.Finding{Diagnostic: d})
	}
	return r, nil
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
