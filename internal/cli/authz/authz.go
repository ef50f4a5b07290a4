// Package authz is the command `meshctl authz`: who may call whom, and which line of which policy says so.
package authz

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/cli/factory"
)

// RunFunc does the work of a subcommand.
type RunFunc func(context.Context, *CheckOptions) error

// NewCmd returns the command with its subcommands; runF replaces what they do, for tests.
func NewCmd(f *factory.Factory, runF RunFunc) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "authz",
		Short: "Say who may call whom, and why",
	}
	cmd.AddCommand(checkCmd(f, runF))
	return cmd
}
