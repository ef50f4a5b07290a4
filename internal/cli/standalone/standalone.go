// Package standalone is the command `meshctl standalone`: a mesh on this machine.
package standalone

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/cli/factory"
)

// RunFunc replaces what a subcommand does, for tests; it gets the options of that subcommand.
type RunFunc func(ctx context.Context, options any) error

// NewCmd returns the command with its subcommands; runF replaces what they do, for tests.
func NewCmd(f *factory.Factory, runF RunFunc) *cobra.Command {
	cmd := &cobra.Command{
		Use: "standalone", Short: "Run a mesh on this machine, without Kubernetes and without root",
		Long: `Run a mesh on this machine, without Kubernetes and without root. Everything listens on loopback; state (addresses, the
certificate authority, logs) is in a directory of the user, one for each mesh that --mesh names.`,
		Example: `  # A control plane on a directory of YAML, until Ctrl-C
  meshctl standalone up -f ./mesh

  # In another terminal: a program as a workload of it
  meshctl workload run --name web --labels app=web --port 8000 -- python3 -m http.server 8000
  meshctl standalone status`,
	}
	cmd.AddCommand(upCmd(f, runF), downCmd(f, runF), statusCmd(f, runF), tokenCmd(f, runF), rootCmd(f, runF))
	return cmd
}

// orElse is runF when it is there, else run.
func orElse[O any](runF RunFunc, run func(context.Context, *O) error) func(context.Context, *O) error {
	if runF == nil {
		return run
	}
	return func(ctx context.Context, o *O) error { return runF(ctx, o) }
}
