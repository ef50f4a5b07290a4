package looking

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/pkg/topology/tables"
)

// AtEdges returns a command that shows edges, with the texts of cmd: live, or once by default, and sorted by a column. run replaces what it does,
// for tests.
func AtEdges(f *factory.Factory, cmd *cobra.Command, live bool, sort string, run func(context.Context, *Options) error) *cobra.Command {
	if run == nil {
		run = func(ctx context.Context, o *Options) error { return Run(ctx, o, tables.EdgeColumns(), tables.Edges) }
	}
	o := &Options{Factory: f, Sort: sort}
	return o.Command(cmd, live, o.Name, func(ctx context.Context) error { return run(ctx, o) })
}
