// Package workload is the command `meshctl workload`.
package workload

import (
	"context"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/standalone"
)

// Options of `meshctl workload run`.
type Options struct {
	Factory                                *factory.Factory
	Name, Namespace, ServiceAccount, Group string
	Labels                                 map[string]string
	Annotations                            []string
	Ports                                  []string
	Gateway, PrintPorts                    bool
	Address                                string
	// To join from elsewhere.
	ControlPlane, TokenFile, RootFile, TrustDomain string
	Envoy                                          string
	// Concurrency is nil when the mesh decides.
	Concurrency         *int
	ReadyTimeout, Drain time.Duration
	Command             []string
}

// NewCmd returns the command; runF replaces what `run` does, for tests.
func NewCmd(f *factory.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	cmd := &cobra.Command{Use: "workload", Short: "Run programs as workloads of a mesh"}
	cmd.AddCommand(runCmd(f, runF))
	return cmd
}

func runCmd(f *factory.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	o := &Options{Factory: f}
	if runF == nil {
		runF = run
	}
	cmd := &cobra.Command{
		Use:   "run --name NAME [flags] -- COMMAND [ARG]...",
		Short: "Run a program as a workload of the mesh",
		Long: `Run a program as a workload of the mesh: start its Envoy, register it, and run the program with the mesh in its environment.
Signals go to the program, its exit code is the exit code; when it ends, the workload leaves the mesh. Programs that use
HTTP_PROXY reach services by their names (http://reviews:9080). For others each port of a service has a local port, which
Kubernetes' own variables tell: REVIEWS_SERVICE_HOST and REVIEWS_SERVICE_PORT. --print-ports lists them.

--port is the number that services know; PORT:LOCALPORT when the program listens elsewhere on 127.0.0.1, so that several
workloads of one service run side by side.

The mesh is the one that runs on this machine under --mesh. From elsewhere, name its control plane with --control-plane and
bring a token and its root certificates (see "meshctl standalone token" and "root").`,
		Example: `  meshctl workload run --name web --service-account web --labels app=web,version=v1 --port 8000 -- python3 -m http.server 8000

  # A program that listens on 9081 where services say 9080
  meshctl workload run --name reviews-v4 --labels app=reviews,version=v4 --port 9080:9081 -- ./reviews

  # A client only
  meshctl workload run --name client -- curl -s http://reviews:9080/reviews/0

  # A gateway, selected by Gateway objects with istio: ingressgateway
  meshctl workload run --name ingress --labels istio=ingressgateway --gateway

  # From another machine
  meshctl workload run --control-plane mesh.example:15012 --token-file web.token --root-file root.pem --name web --address 10.0.0.7 -- ./web`,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Command = args
			return runF(cmd.Context(), o)
		},
	}
	// What follows COMMAND belongs to it.
	cmd.Flags().SetInterspersed(false)
	o.addFlags(cmd)
	return cmd
}

func (o *Options) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&o.Name, "name", "", "name of the workload, unique in its namespace (required)")
	flags.StringVarP(&o.Namespace, "namespace", "n", "default", "namespace of the workload")
	flags.StringVar(&o.ServiceAccount, "service-account", "", "service account: the workload's identity (default: the group's, else default)")
	flags.StringToStringVarP(&o.Labels, "labels", "l", nil, "labels, by which services select it: KEY=VALUE,...")
	flags.StringArrayVar(&o.Annotations, "annotation", nil, "annotation as KEY=VALUE, e.g. proxy.istio.io/config='concurrency: 1'; may be given several times")
	flags.StringArrayVarP(&o.Ports, "port", "p", nil, "PORT or PORT:LOCALPORT where the program takes requests; may be given several times")
	flags.StringVar(&o.Group, "group", "", "WorkloadGroup that supplies what is not said here")
	flags.BoolVar(&o.Gateway, "gateway", false, "run a gateway, which has no program")
	flags.BoolVar(&o.PrintPorts, "print-ports", false, "list the local ports of services on standard error")
	flags.StringVar(&o.Address, "address", "127.0.0.1", "IP at which other proxies reach this workload")
	flags.StringVar(&o.ControlPlane, "control-plane", "", "HOST:PORT of the control plane of a mesh elsewhere")
	flags.StringVar(&o.TokenFile, "token-file", "", "join token, with --control-plane")
	flags.StringVar(&o.RootFile, "root-file", "", "root certificates of the mesh, with --control-plane")
	flags.StringVar(&o.TrustDomain, "trust-domain", "cluster.local", "trust domain of the mesh, with --control-plane")
	flags.StringVar(&o.Envoy, "envoy", "", "path of the Envoy binary to use (also MESHCTL_ENVOY)")
	flags.Func("concurrency", "worker threads of Envoy, 0 for one a core (default: as the mesh's ProxyConfig says, else 2)", func(v string) error {
		n, err := strconv.ParseUint(v, 10, 16)
		threads := int(n)
		o.Concurrency = &threads
		return err
	})
	flags.DurationVar(&o.ReadyTimeout, "ready-timeout", standalone.DefaultReadyTimeout, "how long the proxy may take to become ready")
	flags.DurationVar(&o.Drain, "drain", 0, "how long open connections may take to end (default: as the mesh's ProxyConfig says, else 5s)")
}
