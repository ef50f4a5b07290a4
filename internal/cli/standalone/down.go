package standalone

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/standalone"
)

// DownOptions of `meshctl standalone down`.
type DownOptions struct {
	Factory *factory.Factory
	Timeout time.Duration
}

func downCmd(f *factory.Factory, runF RunFunc) *cobra.Command {
	o := &DownOptions{Factory: f}
	cmd := &cobra.Command{
		Use: "down", Short: "Stop the mesh, or the demo, that runs on this machine", Args: cobra.NoArgs,
		Long: `Stop the mesh, or the demo, that runs on this machine, and wait until it has ended. Workloads that were started with
` + "`meshctl workload run`" + ` are not stopped: they go on with the configuration that they have.`,
		Example: `  meshctl standalone down
  meshctl standalone down --mesh staging`,
		RunE: func(cmd *cobra.Command, _ []string) error { return orElse(runF, down)(cmd.Context(), o) },
	}
	cmd.Flags().DurationVar(&o.Timeout, "timeout", 30*time.Second, "how long to wait for the end")
	return cmd
}

func down(ctx context.Context, o *DownOptions) error {
	dir, err := o.Factory.StateDir()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	if err := standalone.Down(ctx, dir); err != nil {
		return o.Factory.NotRunning(err)
	}
	o.Factory.Say("mesh %q is down", o.Factory.Mesh)
	return nil
}
