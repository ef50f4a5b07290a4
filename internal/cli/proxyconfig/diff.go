package proxyconfig

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/proxyconfig"
)

const formatUnified printer.Format = "unified"

// DiffOptions of `proxy-config diff`.
type DiffOptions struct {
	Factory *factory.Factory
	Output  factory.Output
	Files   []string
	Args    []string

	source source
}

func diffCmd(f *factory.Factory, runF func(context.Context, *DiffOptions) error) *cobra.Command {
	o := &DiffOptions{Factory: f, source: source{factory: f}}
	if runF == nil {
		runF = runDiff
	}
	cmd := &cobra.Command{
		Use: "diff PROXY [OTHER]", Aliases: []string{"d"}, Short: "Compare what a proxy should run with what it runs",
		Long: `Compare all dynamic resources (listeners, routes, clusters, endpoints, secrets, extensions):

  diff PROXY               what the control plane means PROXY to run, with what its Envoy runs
  diff PROXY OTHER         what two proxies run
  diff PROXY --file F      a saved dump, with what PROXY runs
  diff --file F --file G   two saved dumps

Orders, versions and timestamps that mean nothing are ignored. Exits with 3 when there are differences.`,
		Example: `  meshctl proxy-config diff productpage
  meshctl pc diff reviews-v1 reviews-v2
  meshctl pc diff productpage --file before.json -o json`,
		ValidArgsFunction: f.CompleteProxy,
		Args:              o.check,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Args = args
			ctx, cancel := context.WithTimeout(cmd.Context(), o.source.timeout)
			defer cancel()
			return runF(ctx, o)
		},
	}
	cmd.Flags().StringArrayVarP(&o.Files, "file", "f", nil, "a saved config dump; may be given twice")
	o.source.addMesh(cmd)
	o.Output.AddFlag(cmd, formatUnified, printer.FormatJSON, printer.FormatYAML)
	return cmd
}

func (o *DiffOptions) check(_ *cobra.Command, args []string) error {
	n := len(args) + len(o.Files)
	if n == 0 || n > 2 || (len(args) == 0 && n != 2) {
		return exitcode.Usagef("compare a proxy with the control plane (diff PROXY), or two of proxies and --file dumps")
	}
	return nil
}

func runDiff(ctx context.Context, o *DiffOptions) error {
	p, err := o.Factory.Printer(o.Output)
	if err != nil {
		return err
	}
	sides, err := o.sides(ctx)
	if err != nil {
		return err
	}
	want, have := sides[0], sides[1]
	differences := proxyconfig.Diff(want.dump, have.dump)
	if err := printDiff(p, differences, want.name, have.name); err != nil {
		return err
	}
	if len(differences) > 0 {
		return exitcode.Found()
	}
	if !p.Format.Structured() {
		o.Factory.Say("no differences between %s and %s", want.name, have.name)
	}
	return nil
}

func printDiff(p *printer.Printer, differences []proxyconfig.Difference, want, have string) error {
	if p.Format.Structured() {
		return printer.Object(p, differences)
	}
	text, err := proxyconfig.Unified(differences, want, have)
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(p.Out, printer.EscapeLines(text))
	return err
}

type side struct {
	name string
	dump *proxyconfig.Dump
}

// sides returns what is meant and what is there: files before proxies, the control plane before either.
func (o *DiffOptions) sides(ctx context.Context) ([]side, error) {
	var out []side
	add := func(name string, d *proxyconfig.Dump, err error) error {
		out = append(out, side{name, d})
		return err
	}
	if len(o.Args)+len(o.Files) == 1 {
		d, err := o.source.intended(ctx, o.Args[0])
		if err := add("control plane", d, err); err != nil {
			return nil, err
		}
	}
	for _, file := range o.Files {
		d, err := o.source.fileDump(file)
		if err := add(file, d, err); err != nil {
			return nil, err
		}
	}
	for _, name := range o.Args {
		d, err := o.source.liveDump(ctx, name)
		if err := add(name, d, err); err != nil {
			return nil, err
		}
	}
	return out, nil
}
