// Package edges is the command `meshctl edges`: who calls whom, as whom, and is that secured.
package edges

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/cli/looking"
)

// NewCmd returns the command; runF replaces what it does, for tests.
func NewCmd(f *factory.Factory, runF func(context.Context, *looking.Options) error) *cobra.Command {
	return looking.AtEdges(f, &cobra.Command{
		Use:   "edges [KIND/NAME]",
		Short: "Show who calls whom, and whether that is secured or why not",
		Long: `Show the connections of the mesh: from which workload to which, whether they use mutual TLS or why not, and what goes over
them. With -o wide also the identities of both ends, what configuration does to the traffic, and how a route's weights
compare with what is observed.

With a name only what it sends and gets is shown.`,
		Example: `  meshctl edges
  meshctl edges deploy/productpage-v1 -o wide
  meshctl edges -A --filter '!mtls'
  meshctl edges svc/reviews --watch --sort rps`,
	}, false, "", runF)
}
