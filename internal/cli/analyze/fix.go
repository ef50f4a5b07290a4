package analyze

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/analyze/baseline"
	"github.com/meshctl/meshctl/pkg/analyze/fix"
	"github.com/meshctl/meshctl/pkg/config"
)

// fixOptions are the flags about repairing.
type fixOptions struct {
	on, dryRun bool
}

func (o *Options) fixFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&o.fix.on, "fix", false, "repair in the files what can be repaired safely, and report the rest")
	flags.BoolVar(&o.fix.dryRun, "dry-run", false, "with --fix, write the changes as a patch to standard output instead of making them")
}

func (o *Options) fixTogether() error {
	switch {
	case o.fix.dryRun && !o.fix.on:
		return exitcode.Usagef("--dry-run needs --fix")
	case !o.fix.on:
		return nil
	case o.live.on:
		return exitcode.Usagef("--fix changes files, not what runs: leave out --live")
	case slices.ContainsFunc(o.Paths, factory.Streams):
		return exitcode.Usagef("--fix changes files, not standard input: name files or directories")
	case o.fix.dryRun && o.Output.Given():
		return exitcode.Usagef("--dry-run writes a patch: leave out --output")
	}
	return nil
}

// repair makes the safe changes, or shows them, and returns what there is then.
func (o *Options) repair(ctx context.Context, c choice, j judged) (judged, error) {
	wanted, _ := c.filter.Apply(j.result.Diagnostics)
	wanted = baseline.Apply(c.baseline, wanted, o.Factory.Now()).New
	in := fix.Input{
		Texts: map[string][]byte{}, Decoder: config.Decoder{DefaultNamespace: o.DefaultNamespace}, Read: j.Read, Findings: wanted,
		Judge: func(read config.Result) fix.Judged { return o.tryOut(ctx, j, read) },
	}
	for _, d := range wanted {
		if name := d.Position.File; len(d.Edits) > 0 && name != "" && in.Texts[name] == nil {
			if text, err := os.ReadFile(name); err == nil {
				in.Texts[name] = text
			}
		}
	}
	plan := fix.Make(in)
	if err := ctx.Err(); err != nil {
		return judged{}, err
	}
	for _, r := range plan.Refused {
		o.Factory.Say("not fixed: %s: %s %s: %s", r.Finding.Position, r.Finding.Code, r.Finding.Object, r.Reason)
	}
	if o.fix.dryRun {
		o.showFixes(plan, in.Texts)
		j.Read = plan.Read()
		var err error
		j.result, err = o.find(ctx, o.input(j.gathered), j.analyzers)
		return j, err
	}
	if err := o.writeFixes(plan, in.Texts); err != nil {
		return judged{}, err
	}
	return o.judge(ctx, c)
}

// tryOut analyzes what the input would be. An object that is broken hides what else is wrong with it: that counts as found as well.
func (o *Options) tryOut(ctx context.Context, j judged, read config.Result) fix.Judged {
	if over, err := o.withMeshConfig(read); err == nil {
		read = over
	}
	in := o.resolve(read)
	out := fix.Judged{Findings: analyze.Run(ctx, in, j.analyzers).Diagnostics}
	if len(in.Broken) > 0 {
		in.Broken = nil
		out.All = analyze.Run(ctx, in, j.analyzers).Diagnostics
	}
	return out
}

func (o *Options) showFixes(plan *fix.Plan, before map[string][]byte) {
	after := plan.Texts()
	for _, name := range slices.Sorted(maps.Keys(after)) {
		patch := string(diff.Diff(name, fix.Shown(before[name]), name, fix.Shown(after[name])))
		if o.Factory.Terminal {
			patch = printer.EscapeLines(patch)
		}
		fmt.Fprint(o.Factory.IO.Out, patch)
	}
	for _, d := range plan.Made {
		o.Factory.Say("would fix: %s: %s %s: %s", d.Position, d.Code, d.Object, d.Message)
	}
	o.Factory.Say("fixable: %d of the findings, in %d of the files", len(plan.Made), len(after))
}

func (o *Options) writeFixes(plan *fix.Plan, before map[string][]byte) error {
	after := plan.Texts()
	for _, name := range slices.Sorted(maps.Keys(after)) {
		if text, err := os.ReadFile(name); err != nil || !bytes.Equal(text, before[name]) {
			return fmt.Errorf("%s has changed meanwhile: it is left as it is", name)
		}
		if err := replaceFile(name, after[name]); err != nil {
			return err
		}
		for _, d := range plan.Made {
			if d.Position.File == name {
				o.Factory.Say("fixed: %s: %s %s: %s", d.Position, d.Code, d.Object, d.Message)
			}
		}
	}
	return nil
}
