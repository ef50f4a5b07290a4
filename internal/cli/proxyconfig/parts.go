package proxyconfig

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/proxyconfig"
)

func bootstrapCmd(f *factory.Factory, runF RunFunc) *cobra.Command {
	cmd, _ := newCmd(f, runF, runBootstrap, &cobra.Command{
		Use: "bootstrap PROXY", Aliases: []string{"b"}, Short: "Show what a proxy was started with",
		Example: `  meshctl proxy-config bootstrap productpage
  meshctl pc b productpage -o yaml`,
	})
	return cmd
}

func runBootstrap(ctx context.Context, o *Options) error {
	p, err := o.printer()
	if err != nil {
		return err
	}
	d, err := o.source.dump(ctx, o.Args)
	if err != nil {
		return err
	}
	if p.Format.Structured() {
		bootstrap := proxyconfig.Tree{}
		if d.Bootstrap != nil {
			bootstrap = d.Bootstrap.Body
		}
		return printer.Object(p, proxyconfig.Tree{"bootstrap": bootstrap})
	}
	return printer.Print(p, proxyconfig.BootstrapTable(), d.BootstrapRows())
}

func endpointCmd(f *factory.Factory, runF RunFunc) *cobra.Command {
	cmd, o := newCmd(f, runF, runEndpoints, &cobra.Command{
		Use: "endpoints PROXY", Aliases: []string{"endpoint", "ep", "e"}, Short: "Show the endpoints that a proxy knows, with their health",
		Long: `Show the endpoints that a proxy knows. Of a live proxy they come with their health, the outlier detector's verdict and
counters; a saved dump has what discovery said.`,
		Example: `  meshctl proxy-config endpoints productpage --cluster 'outbound|9080||reviews.default.svc.cluster.local'
  meshctl pc endpoint productpage --status unhealthy
  meshctl pc ep productpage --port 9080 -o json`,
	})
	cmd.Flags().StringVar(&o.Filter.Address, "address", "", "only endpoints of this IP address")
	cmd.Flags().IntVar(&o.Filter.Port, "port", 0, "only endpoints of this port")
	cmd.Flags().StringVar(&o.Filter.Cluster, "cluster", "", "only endpoints of this cluster")
	cmd.Flags().StringVar(&o.Filter.FQDN, "fqdn", "", "only endpoints of clusters whose name contains this")
	cmd.Flags().StringVar(&o.Filter.Status, "status", "", "only endpoints of this health, e.g. healthy or unhealthy")
	cmd.Flags().BoolVarP(&o.Verbose, "verbose", "v", false, "show every column, as -o wide")
	return cmd
}

func runEndpoints(ctx context.Context, o *Options) error {
	p, err := o.printer()
	if err != nil {
		return err
	}
	rows, err := endpointRows(ctx, o)
	if err != nil {
		return err
	}
	return printer.Print(p, proxyconfig.EndpointTable(), rows)
}

func endpointRows(ctx context.Context, o *Options) ([]proxyconfig.EndpointRow, error) {
	if o.source.file != "" {
		d, err := o.source.fileDump(o.source.file)
		if err != nil {
			return nil, err
		}
		return d.EndpointRows(nil, o.Filter), nil
	}
	client, err := o.source.live(ctx, o.Args[0])
	if err != nil {
		return nil, err
	}
	statuses, err := client.Statuses(ctx)
	if err != nil {
		return nil, err
	}
	return (&proxyconfig.Dump{}).EndpointRows(statuses, o.Filter), nil
}

func secretCmd(f *factory.Factory, runF RunFunc) *cobra.Command {
	cmd, o := newCmd(f, runF, runSecrets, &cobra.Command{
		Use: "secret PROXY", Aliases: []string{"secrets", "s"}, Short: "Show the certificates that a proxy has, never their keys",
		Example: `  meshctl proxy-config secret productpage
  meshctl pc s productpage -o json`,
	})
	cmd.Flags().StringVar(&o.Filter.Name, "name", "", "only the secret of this name")
	cmd.Flags().StringVar(&o.Filter.Status, "status", "", "only secrets in this state: active, warming or static")
	cmd.Flags().BoolVarP(&o.Verbose, "verbose", "v", false, "show every column, as -o wide")
	return cmd
}

func runSecrets(ctx context.Context, o *Options) error {
	p, err := o.printer()
	if err != nil {
		return err
	}
	d, err := o.source.dump(ctx, o.Args)
	if err != nil {
		return err
	}
	return printer.Print(p, proxyconfig.SecretTable(), d.SecretRows(o.Filter, o.Factory.Now()))
}

func allCmd(f *factory.Factory, runF RunFunc) *cobra.Command {
	cmd, o := newCmd(f, runF, runAll, &cobra.Command{
		Use: "all PROXY", Aliases: []string{"a"}, Short: "Show everything that a proxy runs",
		Long: `Show everything that a proxy runs, one table after the other. -o json is the whole config dump in Envoy's form, with
private keys taken out: it can be saved and read again with --file.`,
		Example: `  meshctl proxy-config all productpage
  meshctl pc all productpage -o json > config_dump.json`,
	})
	cmd.Flags().BoolVarP(&o.Verbose, "verbose", "v", false, "show every column, as -o wide")
	return cmd
}

func runAll(ctx context.Context, o *Options) error {
	p, err := o.printer()
	if err != nil {
		return err
	}
	d, err := o.source.dump(ctx, o.Args)
	if err != nil {
		return err
	}
	if p.Format.Structured() {
		return printer.Object(p, d)
	}
	none := proxyconfig.Filter{}
	for i, table := range []func() error{
		func() error { return printer.Print(p, proxyconfig.BootstrapTable(), d.BootstrapRows()) },
		func() error { return printer.Print(p, proxyconfig.ClusterTable(), d.ClusterRows(none)) },
		func() error { return printer.Print(p, proxyconfig.ListenerTable(), d.ListenerRows(none)) },
		func() error { return printer.Print(p, proxyconfig.RouteTable(), d.RouteRows(none)) },
		func() error { return printer.Print(p, proxyconfig.EndpointTable(), d.EndpointRows(nil, none)) },
		func() error { return printer.Print(p, proxyconfig.SecretTable(), d.SecretRows(none, o.Factory.Now())) },
		func() error { return printer.Print(p, proxyconfig.ExtensionTable(), d.ExtensionRows(none)) },
	} {
		if i > 0 {
			fmt.Fprintln(p.Out)
		}
		if err := table(); err != nil {
			return err
		}
	}
	return nil
}
