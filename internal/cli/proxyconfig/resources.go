package proxyconfig

import (
	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/pkg/proxyconfig"
)

func listeners() spec[proxyconfig.ListenerRow] {
	return spec[proxyconfig.ListenerRow]{
		use: "listeners", aliases: []string{"listener", "l"}, typeURL: proxyconfig.ListenerType,
		short: "Show where a proxy listens and where that leads",
		example: `  meshctl proxy-config listeners productpage
  meshctl pc listener productpage --port 15006 -o json
  meshctl pc l --file config_dump.json --direction outbound --type HTTP`,
		table: proxyconfig.ListenerTable, rows: (*proxyconfig.Dump).ListenerRows,
		key: func(r proxyconfig.ListenerRow) resourceKey { return resourceKey{r.Name, r.State} },
		flags: func(cmd *cobra.Command, f *proxyconfig.Filter) {
			cmd.Flags().StringVar(&f.Address, "address", "", "only listeners on this IP address")
			cmd.Flags().IntVar(&f.Port, "port", 0, "only listeners on this port")
			cmd.Flags().StringVar(&f.Type, "type", "", "only listeners of this type: HTTP, TCP or HTTP+TCP")
			cmd.Flags().StringVar(&f.Name, "name", "", "only the listener of this name")
			cmd.Flags().StringVar(&f.Direction, "direction", "", "only this direction: inbound or outbound")
		},
	}
}

func routes() spec[proxyconfig.RouteRow] {
	return spec[proxyconfig.RouteRow]{
		use: "routes", aliases: []string{"route", "r"}, typeURL: proxyconfig.RouteType,
		short: "Show which requests a proxy sends where, and the VirtualService that says so",
		example: `  meshctl proxy-config routes productpage
  meshctl pc route productpage --name 9080 -o json
  meshctl pc r productpage --vhost reviews.default -o wide`,
		table: proxyconfig.RouteTable, rows: (*proxyconfig.Dump).RouteRows,
		key: func(r proxyconfig.RouteRow) resourceKey { return resourceKey{r.Name, r.State} },
		flags: func(cmd *cobra.Command, f *proxyconfig.Filter) {
			cmd.Flags().StringVar(&f.Name, "name", "", "only the route configuration of this name")
			cmd.Flags().StringVar(&f.VirtualHost, "vhost", "", "only the virtual host of this name or domain")
			cmd.Flags().StringVar(&f.FQDN, "fqdn", "", "only virtual hosts whose name contains this")
		},
	}
}

func clusters() spec[proxyconfig.ClusterRow] {
	return spec[proxyconfig.ClusterRow]{
		use: "clusters", aliases: []string{"cluster", "c"}, typeURL: proxyconfig.ClusterType,
		short: "Show the destinations that a proxy knows, and the DestinationRule of each",
		example: `  meshctl proxy-config clusters productpage
  meshctl pc cluster productpage --fqdn reviews.default.svc.cluster.local --subset v1 -o json
  meshctl pc c productpage --direction inbound`,
		table: proxyconfig.ClusterTable, rows: (*proxyconfig.Dump).ClusterRows,
		key: func(r proxyconfig.ClusterRow) resourceKey { return resourceKey{r.Name, r.State} },
		flags: func(cmd *cobra.Command, f *proxyconfig.Filter) {
			cmd.Flags().StringVar(&f.FQDN, "fqdn", "", "only clusters whose host contains this")
			cmd.Flags().IntVar(&f.Port, "port", 0, "only clusters of this port")
			cmd.Flags().StringVar(&f.Subset, "subset", "", "only clusters of this subset")
			cmd.Flags().StringVar(&f.Direction, "direction", "", "only this direction: inbound or outbound")
			cmd.Flags().StringVar(&f.Type, "type", "", "only this type of discovery, e.g. EDS")
			cmd.Flags().StringVar(&f.Name, "name", "", "only the cluster of this name")
		},
	}
}

func extensions() spec[proxyconfig.ExtensionRow] {
	return spec[proxyconfig.ExtensionRow]{
		use: "ecds", aliases: []string{"ec", "extensions"}, typeURL: proxyconfig.ExtensionType,
		short: "Show the extensions that a proxy gets by discovery",
		example: `  meshctl proxy-config ecds productpage
  meshctl pc ecds --file config_dump.json -o yaml`,
		table: proxyconfig.ExtensionTable, rows: (*proxyconfig.Dump).ExtensionRows,
		key: func(r proxyconfig.ExtensionRow) resourceKey { return resourceKey{r.Name, r.State} },
		flags: func(cmd *cobra.Command, f *proxyconfig.Filter) {
			cmd.Flags().StringVar(&f.Name, "name", "", "only the extension of this name")
			cmd.Flags().StringVar(&f.Type, "type", "", "only extensions of this type")
		},
	}
}
