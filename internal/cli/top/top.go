// Package top is the command `meshctl top`: where the most requests go, live.
package top

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/cli/looking"
)

// NewCmd returns the command; runF replaces what it does, for tests.
func NewCmd(f *factory.Factory, runF func(context.Context, *looking.Options) error) *cobra.Command {
	return looking.AtEdges(f, &cobra.Command{
		Use:   "top [KIND/NAME]",
		Short: "Show the busiest calls of the mesh, live",
		Long: `Show who sends most requests to whom, the busiest first, again and again until interrupted; on a terminal in place. Single
requests are what meshctl tap shows.`,
		Example: `  meshctl top
  meshctl top --sort p99 -w 1m
  meshctl top deploy/reviews-v3
  meshctl top --once -o json`,
	}, true, "rps", runF)
}
