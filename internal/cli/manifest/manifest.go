// Package manifest is the command `meshctl manifest`: what an installation is made of, without a cluster.
package manifest

import (
	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/cli/factory"
)

// NewCmd returns the command.
func NewCmd(f *factory.Factory) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "manifest",
		Short: "Show and compare the objects of an installation, without a cluster",
	}
	cmd.AddCommand(newGenerate(f, nil), newDiff(f, nil), newCharts(f, nil))
	return cmd
}
