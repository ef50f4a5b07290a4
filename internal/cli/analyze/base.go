package analyze

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/cli/analyze/gitref"
	"github.com/meshctl/meshctl/internal/cli/analyze/report"
	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/analyze/baseline"
	"github.com/meshctl/meshctl/pkg/config"
)

// gitTimeout is how long git may take to hand out the files of a commit.
const gitTimeout = time.Minute

// base is what was found before a change.
type base struct {
	findings []analyze.Diagnostic
	failed   []analyze.Failure
}

func (o *Options) baseFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.Base, "base", "", "compare with this directory, or with the same files in this commit of git; only what is new counts for the exit code")
}

func (o *Options) baseTogether() error {
	switch {
	case o.Base == "":
		return nil
	case o.live.on:
		return exitcode.Usagef("--base compares files: leave out --live")
	case len(o.Paths) == 0:
		return exitcode.Usagef("name what to analyze: files, directories or patterns")
	}
	return nil
}

// judgeBase analyzes the base; nil when none is asked for.
func (o *Options) judgeBase(ctx context.Context, c choice) (*base, error) {
	if o.Base == "" {
		return nil, nil
	}
	read, err := o.readBase(ctx)
	if err == nil {
		read, err = o.withMeshConfig(read)
	}
	if err != nil {
		return nil, err
	}
	result, err := o.find(ctx, o.resolve(read), c.analyzers)
	if err != nil {
		return nil, err
	}
	out := &base{}
	found, _ := c.filter.Apply(result.Diagnostics)
	out.findings = baseline.Apply(c.baseline, found, o.Factory.Now()).New
	for _, f := range result.Failed {
		out.failed = append(out.failed, analyze.Failure{Analyzer: f.Analyzer, Reason: "of the base: " + f.Reason})
	}
	return out, nil
}

// readBase reads the directory or file of that name or, if there is none, the commit.
func (o *Options) readBase(ctx context.Context) (config.Result, error) {
	if _, err := os.Stat(o.Base); err == nil {
		return o.Factory.Read([]string{o.Base}, o.DefaultNamespace)
	}
	if slices.ContainsFunc(o.Paths, factory.Streams) {
		return config.Result{}, exitcode.Usagef("--base %s: there is no such directory, and a commit of git has no standard input: name files or directories", o.Base)
	}
	ctx, cancel := context.WithTimeout(ctx, gitTimeout)
	defer cancel()
	const limit = 64 << 20 // that of config.Limits
	files, err := gitref.Read(ctx, o.Base, o.Paths, limit)
	if err != nil {
		return config.Result{}, fmt.Errorf("--base %s: there is no such directory, and as a commit: %w", o.Base, err)
	}
	decoder := config.Decoder{DefaultNamespace: o.DefaultNamespace}
	var read config.Result
	for _, f := range files {
		read.Add(decoder.DecodeBytes(f.Name, f.Data))
	}
	if len(files) == 0 {
		o.Factory.Say("note: %s has none of these files: everything is new", o.Base)
	}
	return read, nil
}

// compare tells what is new, what was there before, and what is gone.
func (b *base) compare(now []analyze.Diagnostic) []report.Finding {
	var out []report.Finding
	unchanged, gone := analyze.Compare(b.findings, now)
	for i, d := range now {
		change := report.Introduced
		if unchanged[i] {
			change = report.Unchanged
		}
		out = append(out, report.Finding{Diagnostic: d, Change: change})
	}
	for _, d := range gone {
		out = append(out, report.Finding{Diagnostic: d, Change: report.Fixed})
	}
	slices.SortStableFunc(out, func(a, b report.Finding) int { return a.Compare(b.Diagnostic) })
	return out
}
