// Package top is the command `meshctl top`: where the most requests go, live.
package top

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/cli/edges"
	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/cli/looking"
	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/topology"
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
		Use:   "top [KIND/NAME]",
		Short: "Show the busiest calls of the mesh, live",
		Long: `Show who sends most requests to whom, the busiest first, again and again until interrupted; on a terminal in place. Single
requests are what meshctl tap shows.`,
		Example: `  meshctl top
  meshctl top --sort p99 -w 1m
  meshctl top deploy/reviews-v3
  meshctl top --once -o json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				o.Ref = args[0]
			}
			return runF(cmd.Context(), o)
		},
	}
	o.AddFlags(cmd, true)
	if sort := cmd.Flags().Lookup("sort"); sort != nil {
		sort.DefValue, o.Sort = "rps", "rps"
	}
	return cmd
}

func run(ctx context.Context, o *Options) error {
	return o.Run(ctx, func(p *printer.Printer, g topology.Graph) error { return edges.Print(&o.Options, p, g) })
}
