package standalone

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/ca"
	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/meshstate"
	"github.com/meshctl/meshctl/internal/standalone"
)

// JoinOptions of `meshctl standalone token` and `root`.
type JoinOptions struct {
	Factory                   *factory.Factory
	Namespace, ServiceAccount string
	TTL                       time.Duration
	File                      string
}

func tokenCmd(f *factory.Factory, runF RunFunc) *cobra.Command {
	o := &JoinOptions{Factory: f}
	cmd := &cobra.Command{
		Use: "token", Short: "Print a token with which a workload elsewhere joins the mesh", Args: cobra.NoArgs,
		Long: `Print a token with which a workload elsewhere gets its first certificate as a service account. Who holds the token can
be that workload until the token expires: treat it as a password.`,
		Example: `  meshctl standalone token --namespace default --service-account web --file web.token
  meshctl standalone root --file root.pem`,
		RunE: func(cmd *cobra.Command, _ []string) error { return orElse(runF, token)(cmd.Context(), o) },
	}
	cmd.Flags().StringVarP(&o.Namespace, "namespace", "n", "default", "namespace of the workload")
	cmd.Flags().StringVar(&o.ServiceAccount, "service-account", "default", "service account: the workload's identity")
	cmd.Flags().DurationVar(&o.TTL, "ttl", ca.DefaultTokenTTL, "life of the token")
	cmd.Flags().StringVar(&o.File, "file", "", "write it to this file, for its owner only, instead of standard output")
	return cmd
}

func rootCmd(f *factory.Factory, runF RunFunc) *cobra.Command {
	o := &JoinOptions{Factory: f}
	cmd := &cobra.Command{
		Use: "root", Short: "Print the root certificates by which workloads know the mesh", Args: cobra.NoArgs,
		Example: `  meshctl standalone root --file root.pem`,
		RunE:    func(cmd *cobra.Command, _ []string) error { return orElse(runF, root)(cmd.Context(), o) },
	}
	cmd.Flags().StringVar(&o.File, "file", "", "write them to this file instead of standard output")
	return cmd
}

func (o *JoinOptions) credentials() (*standalone.Credentials, error) {
	dir, err := o.Factory.StateDir()
	if err != nil {
		return nil, err
	}
	state, err := meshstate.Load(dir)
	if err != nil {
		return nil, o.Factory.NotRunning(err)
	}
	return standalone.OpenCredentials(dir, state.TrustDomain)
}

func (o *JoinOptions) write(data string) error {
	if o.File == "" {
		_, err := fmt.Fprintln(o.Factory.IO.Out, data)
		return err
	}
	return meshstate.WriteFile(o.File, []byte(data+"\n"))
}

func token(_ context.Context, o *JoinOptions) error {
	credentials, err := o.credentials()
	if err != nil {
		return err
	}
	t, err := credentials.Token(o.Namespace, o.ServiceAccount, o.TTL)
	if err != nil {
		return err
	}
	return o.write(t)
}

func root(_ context.Context, o *JoinOptions) error {
	credentials, err := o.credentials()
	if err != nil {
		return err
	}
	return o.write(string(credentials.Roots()))
}
