package standalone

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/standalone"
)

// UpOptions of `meshctl standalone up`.
type UpOptions struct {
	Factory      *factory.Factory
	Dirs         []string
	XDSAddress   string
	TrustDomain  string
	ReadyTimeout time.Duration
}

func upCmd(f *factory.Factory, runF RunFunc) *cobra.Command {
	o := &UpOptions{Factory: f}
	cmd := &cobra.Command{
		Use: "up [-f DIR]...", Short: "Run the control plane in the foreground, until Ctrl-C",
		Long: `Run the control plane on directories of YAML, in the foreground, until Ctrl-C. The directories are layers: an object in a
later one replaces the object of the same kind, namespace and name in an earlier one. Changes are live as soon as a file is
saved; a file that cannot be read keeps its last good version, and is reported.

Without -f the directory "config" in the mesh's state directory is used, and made when missing.`,
		Example: `  meshctl standalone up -f ./mesh
  meshctl standalone up -f ./base -f ./overrides --mesh staging`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return orElse(runF, up)(cmd.Context(), o) },
	}
	cmd.Flags().StringArrayVarP(&o.Dirs, "filename", "f", nil, "directory of YAML to read and watch; may be given several times")
	cmd.Flags().StringVar(&o.XDSAddress, "xds-address", "", "HOST:PORT of discovery, to let other machines join (default: a port on loopback)")
	cmd.Flags().StringVar(&o.TrustDomain, "trust-domain", "cluster.local", "trust domain of the workloads' SPIFFE ids")
	cmd.Flags().DurationVar(&o.ReadyTimeout, "ready-timeout", standalone.DefaultReadyTimeout, "how long the control plane may take to become ready")
	return cmd
}

func up(ctx context.Context, o *UpOptions) error {
	f := o.Factory
	dir, err := f.StateDir()
	if err != nil {
		return err
	}
	if len(o.Dirs) == 0 {
		made := standalone.Layout{Dir: dir}.Config()
		if err := os.MkdirAll(made, 0o700); err != nil {
			return err
		}
		f.Say("no -f: using %s", made)
		o.Dirs = []string{made}
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	mesh, err := standalone.Start(ctx, standalone.Options{
		Name: f.Mesh, Dir: dir, ConfigDirs: o.Dirs, XDSAddress: o.XDSAddress, TrustDomain: o.TrustDomain, Programs: standalone.FindPrograms(self),
		ReadyTimeout: o.ReadyTimeout, Log: slog.New(slog.NewTextHandler(f.IO.ErrOut, nil)),
	})
	if err != nil {
		return f.AlreadyRunning(err)
	}
	announce(f, mesh)
	go standalone.WatchFindings(ctx, mesh.Admin(), f.Say)
	select {
	case <-ctx.Done():
		f.Say("stopping")
		return mesh.Stop()
	case <-mesh.Ended():
		return errors.Join(errors.New("the control plane cannot run any more"), mesh.Stop())
	}
}

func announce(f *factory.Factory, mesh *standalone.Mesh) {
	state, flag := mesh.State(), f.MeshFlag()
	f.Say("mesh %q is up", state.Mesh)
	for _, d := range state.ConfigDirs {
		f.Say("  configuration  %s", d)
	}
	f.Say("  discovery      %s", state.XDSAddress)
	f.Say("  admin          http://%s", state.AdminAddress)
	f.Say("  log            %s", mesh.Layout().Log("meshd"))
	f.Say("Try: meshctl workload run%s --name web --labels app=web --port 8000 -- python3 -m http.server 8000", flag)
	f.Say("     meshctl standalone status%s", flag)
	f.Say("Ctrl-C stops the mesh.")
}
