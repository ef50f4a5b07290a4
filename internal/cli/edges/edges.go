// Package edges is the command `meshctl edges`: who calls whom, as whom, and is that secured.
package edges

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/cli/looking"
	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/pkg/topology/tables"
)

// Options of the command.
type Options struct{ looking.Options }

// NewCmd returns the command; runF replaces what it does, for tests.
func NewCmd(f *factory.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	o := &Options{looking.Options{Factory: f}}
	if runF == nil {
		runF = run
	}
	cmd := &cobra.Command{
		Use:   "edges [KIND/NAME]",
		Short: "Show who calls whom, and whether that is secured or why not",
		Long: `Show the connections of the mesh: from which workload to which, whether they use mutual TLS or why not, and what goes over
them. With -o wide also the identities of both ends, what configuration does to the traffic, and how a route's weights
compare with what is observed.

With a name only what it sends and gets is shown.`,
		Example: `  meshctl edges
  meshctl edges deploy/productpage-v1 -o wide
  meshctl edges -A --filter '!mtls'
  meshctl edges svc/reviews --watch --sort rps`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				o.Ref = args[0]
			}
			return runF(cmd.Context(), o)
		},
	}
	o.AddFlags(cmd, false)
	return cmd
}

func run(ctx context.Context, o *Options) error {
	return o.Run(ctx, func(p *printer.Printer, g topology.Graph) error { return Print(&o.Options, p, g) })
}

// Print writes the edges of a graph as a table, in the order that the user wants.
func Print(o *looking.Options, p *printer.Printer, g topology.Graph) error {
	rows, table := tables.Edges(g), tables.EdgeColumns()
	if err := looking.Sorted(o, table, rows); err != nil {
		return err
	}
	return printer.Print(p, table, rows)
}
