// Package upgrade is the command `meshctl upgrade`.
package upgrade

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/cli/install"
)

// NewCmd returns the command; runF replaces what it does, for tests.
func NewCmd(f *factory.Factory, runF func(context.Context, *install.Options) error) *cobra.Command {
	o := &install.Options{Factory: f, Upgrade: true}
	if runF == nil {
		runF = install.Run
	}
	cmd := &cobra.Command{
		Use: "upgrade", Short: "Bring an installed revision of the mesh to this version of meshctl",
		Long: `Bring an installed revision of the mesh to this version of meshctl, in place.

It is meshctl install for a revision that is there: give the same profile, files and settings as then, and see with --plan what
would change. Old replicas of the control plane serve until the new ones are ready, and proxies go on with what they know in
between, so that no request fails. Proxies in pods are upgraded when the pods are made anew.

To try the new version on some namespaces first, install it beside the old one and move a tag over:

  meshctl install --revision NEW
  meshctl tag set prod --revision NEW
  meshctl uninstall --revision OLD`,
		Example: `  meshctl upgrade --plan
  meshctl upgrade -f mesh.yaml --atomic -y`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runF(cmd.Context(), o) },
	}
	o.AddFlags(cmd)
	return cmd
}
