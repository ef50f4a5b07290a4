// Package cli is the command tree of meshctl. Every command is the same four steps: parse flags, get a snapshot or a
// dump, make one library call, print.
package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/cli/analyze"
	"github.com/meshctl/meshctl/internal/cli/authz"
	"github.com/meshctl/meshctl/internal/cli/cert"
	"github.com/meshctl/meshctl/internal/cli/check"
	"github.com/meshctl/meshctl/internal/cli/child"
	"github.com/meshctl/meshctl/internal/cli/dashboard"
	"github.com/meshctl/meshctl/internal/cli/demo"
	"github.com/meshctl/meshctl/internal/cli/edges"
	"github.com/meshctl/meshctl/internal/cli/envoy"
	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/cli/image"
	"github.com/meshctl/meshctl/internal/cli/inject"
	"github.com/meshctl/meshctl/internal/cli/install"
	"github.com/meshctl/meshctl/internal/cli/manifest"
	"github.com/meshctl/meshctl/internal/cli/profile"
	"github.com/meshctl/meshctl/internal/cli/proxyconfig"
	"github.com/meshctl/meshctl/internal/cli/proxystatus"
	"github.com/meshctl/meshctl/internal/cli/standalone"
	"github.com/meshctl/meshctl/internal/cli/stat"
	"github.com/meshctl/meshctl/internal/cli/tag"
	"github.com/meshctl/meshctl/internal/cli/tap"
	"github.com/meshctl/meshctl/internal/cli/top"
	"github.com/meshctl/meshctl/internal/cli/uninstall"
	"github.com/meshctl/meshctl/internal/cli/upgrade"
	"github.com/meshctl/meshctl/internal/cli/version"
	"github.com/meshctl/meshctl/internal/cli/workload"
	"github.com/meshctl/meshctl/internal/meshstate"
)

// commands returns every command in the order of the help text: one line a command.
func commands(f *factory.Factory) []*cobra.Command {
	return []*cobra.Command{
		demo.NewCmd(f, nil),
		standalone.NewCmd(f, nil),
		check.NewCmd(f, nil),
		dashboard.NewCmd(f, nil),
		workload.NewCmd(f, nil),
		proxystatus.NewCmd(f, nil),
		proxyconfig.NewCmd(f, nil),
		tap.NewCmd(f, nil),
		analyze.NewCmd(f, nil),
		authz.NewCmd(f, nil),
		stat.NewCmd(f, nil),
		edges.NewCmd(f, nil),
		top.NewCmd(f, nil),
		cert.NewCmd(f, nil),
		manifest.NewCmd(f),
		profile.NewCmd(f),
		install.NewCmd(f, nil),
		upgrade.NewCmd(f, nil),
		uninstall.NewCmd(f, nil),
		inject.NewCmd(f, nil),
		tag.NewCmd(f, nil),
		image.NewCmd(f, nil),
		envoy.NewCmd(f, nil),
		version.NewCmd(f, nil),
		child.NewCmd(f),
	}
}

// New returns the root command.
func New(f *factory.Factory) *cobra.Command {
	root := &cobra.Command{
		Use:   "meshctl",
		Short: "Run and look into a service mesh of real Envoys that speaks Istio's API",
		Long: `meshctl runs and looks into a service mesh: real Envoys, configured in Istio's API.

Exit codes: 0 done, 1 it failed, 2 the command line is wrong, 3 done and something was found (a difference, a rejected
proxy, a denied request, a fault in a configuration).`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetIn(f.IO.In)
	root.SetOut(f.IO.Out)
	root.SetErr(f.IO.ErrOut)
	root.PersistentFlags().StringVar(&f.Mesh, "mesh", meshstate.DefaultMesh, "name of the standalone mesh on this machine")
	root.AddCommand(commands(f)...)
	return root
}

// Execute runs one command line and returns the exit code. Errors are written to standard error: one message for
// people, or one JSON object when the output was to be JSON or YAML.
func Execute(ctx context.Context, f *factory.Factory, args []string) int {
	root := New(f)
	root.SetArgs(args)
	usage := prepare(root)
	cmd, err := root.ExecuteContextC(ctx)
	return report(f, cmd, usage(err))
}
