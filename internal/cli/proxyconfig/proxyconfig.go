// Package proxyconfig is the command `meshctl proxy-config`: what a proxy runs, and how that differs from what it should.
package proxyconfig

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/proxyconfig"
)

// Options of every subcommand that shows a part of a dump.
type Options struct {
	Factory *factory.Factory
	Output  factory.Output
	Filter  proxyconfig.Filter
	Verbose bool
	Summary bool
	Args    []string

	source source
}

// RunFunc does the work of a subcommand.
type RunFunc func(context.Context, *Options) error

// NewCmd returns the command with its subcommands; runF replaces what they do, for tests.
func NewCmd(f *factory.Factory, runF RunFunc) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "proxy-config",
		Aliases: []string{"pc"},
		Short:   "Show what a proxy runs",
		Long: `Show what a proxy runs, in the words of istioctl's users.

PROXY is "name", "name.namespace", "namespace/name" or a prefix that only one proxy has. Instead of a proxy, --file reads
a config dump that was saved from Envoy's admin interface (/config_dump?include_eds).

-o json and -o yaml show Envoy's own configuration of what the filters select; with --summary the rows of the table.
Private keys are never shown.`,
		Example: `  meshctl proxy-config routes productpage --name 9080
  meshctl pc clusters reviews-v1.default --fqdn ratings -o json
  meshctl pc listeners --file config_dump.json -o wide
  meshctl pc diff productpage`,
	}
	cmd.AddCommand(
		allCmd(f, runF),
		bootstrapCmd(f, runF),
		resourceCmd(f, runF, listeners()),
		resourceCmd(f, runF, routes()),
		resourceCmd(f, runF, clusters()),
		endpointCmd(f, runF),
		secretCmd(f, runF),
		resourceCmd(f, runF, extensions()),
		logCmd(f, nil),
		diffCmd(f, nil),
	)
	return cmd
}

// newCmd makes a subcommand on one dump.
func newCmd(f *factory.Factory, runF, run RunFunc, cmd *cobra.Command) (*cobra.Command, *Options) {
	o := &Options{Factory: f, source: source{factory: f}}
	if runF == nil {
		runF = run
	}
	cmd.Args = o.source.one
	cmd.ValidArgsFunction = f.CompleteProxy
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.Args = args
		ctx, cancel := context.WithTimeout(cmd.Context(), o.source.timeout)
		defer cancel()
		return runF(ctx, o)
	}
	o.source.addFlags(cmd)
	o.Output.AddFlag(cmd, printer.Formats()...)
	return cmd, o
}

// spec is a kind of resource of which each row is a part.
type spec[T any] struct {
	use     string
	aliases []string
	short   string
	example string
	typeURL string
	flags   func(*cobra.Command, *proxyconfig.Filter)
	table   func() printer.Table[T]
	rows    func(*proxyconfig.Dump, proxyconfig.Filter) []T
	key     func(T) resourceKey
}

type resourceKey struct {
	name  string
	state proxyconfig.State
}

func resourceCmd[T any](f *factory.Factory, runF RunFunc, s spec[T]) *cobra.Command {
	cmd, o := newCmd(f, runF, func(ctx context.Context, o *Options) error { return show(ctx, o, s) }, &cobra.Command{
		Use: s.use + " PROXY", Aliases: s.aliases, Short: s.short, Example: s.example,
	})
	s.flags(cmd, &o.Filter)
	cmd.Flags().BoolVar(&o.Summary, "summary", false, "with -o json or yaml: the rows of the table instead of Envoy's configuration")
	cmd.Flags().BoolVarP(&o.Verbose, "verbose", "v", false, "show every column, as -o wide")
	return cmd
}

func show[T any](ctx context.Context, o *Options, s spec[T]) error {
	p, err := o.printer()
	if err != nil {
		return err
	}
	d, err := o.source.dump(ctx, o.Args)
	if err != nil {
		return err
	}
	rows := s.rows(d, o.Filter)
	if p.Format.Structured() && !o.Summary {
		return printer.Object(p, bodies(d.Resources(s.typeURL), rows, s.key))
	}
	return printer.Print(p, s.table(), rows)
}

// bodies returns Envoy's own configuration of the resources that have a row.
func bodies[T any](resources []proxyconfig.Resource, rows []T, key func(T) resourceKey) []proxyconfig.Tree {
	selected := map[resourceKey]bool{}
	for _, r := range rows {
		selected[key(r)] = true
	}
	out := []proxyconfig.Tree{}
	for _, r := range resources {
		if selected[resourceKey{r.Name, r.State}] {
			out = append(out, r.Body)
		}
	}
	return out
}

func (o *Options) printer() (*printer.Printer, error) {
	p, err := o.Factory.Printer(o.Output)
	if err != nil {
		return nil, err
	}
	if o.Verbose && p.Format == printer.FormatTable {
		p.Format = printer.FormatWide
	}
	return p, nil
}
