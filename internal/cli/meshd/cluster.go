package meshd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/client-go/rest"

	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/pkg/source/kube"
)

// Cluster is what the control plane of a cluster is told.
type Cluster struct {
	Access                                         *rest.Config
	Name                                           string // of the cluster, for people
	Revision, ClusterID                            string
	SystemNamespace, Domain, TrustDomain, Instance string
	XDS, Webhook, Monitoring, Admin                net.Listener // nil: not served
	NoGatewayDeployments                           bool
	Drain                                          time.Duration
	Log                                            *slog.Logger
}

// Runner runs the control plane of a cluster until ctx is done. It is given from outside: the CLI, which holds this command too, is not to
// link all that it takes.
type Runner func(ctx context.Context, c Cluster) error

// cluster are the flags of a control plane in a cluster.
type cluster struct {
	on                            bool
	kubeconfig, context           string
	revision, clusterID, instance string
	webhook, monitoring           string
	gateways                      bool
	drain                         time.Duration
}

func (c *cluster) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&c.on, "kubernetes", false, "read the configuration from a Kubernetes cluster: the one that this pod runs in, or that of --kubeconfig")
	f.StringVar(&c.kubeconfig, "kubeconfig", "", "kubeconfig file of the cluster, to run outside of it")
	f.StringVar(&c.context, "context", "", "context of the kubeconfig")
	f.StringVar(&c.revision, "revision", "default", "revision of this control plane; it ignores configuration that is labelled istio.io/rev for another")
	f.StringVar(&c.clusterID, "cluster-id", "Kubernetes", "name of the cluster, for telemetry and as topology.istio.io/cluster of its workloads")
	f.StringVar(&c.instance, "instance", "", "name of this replica, unique among them (default the host name)")
	f.StringVar(&c.webhook, "webhook-address", "", "address for the API server's admission requests over HTTPS, e.g. :15017")
	f.StringVar(&c.monitoring, "monitoring-address", "", "address for /ready, /healthz, /version and /metrics over HTTP, e.g. :15014")
	f.BoolVar(&c.gateways, "gateway-deployments", true, "deploy proxies for the Gateways of the Gateway API that name none by their addresses")
	f.DurationVar(&c.drain, "drain", 3*time.Second, "how long to serve on, no longer ready, when told to stop")
}

// runCluster is run for a cluster.
func runCluster(ctx context.Context, o options, log io.Writer, kubernetes Runner) error {
	if err := checkCluster(o); err != nil {
		return &exitcode.Error{Code: exitcode.Usage, Err: err}
	}
	logger, err := o.logger(log)
	if err != nil {
		return err
	}
	tightenCollector()
	out := Cluster{
		Revision: o.cluster.revision, ClusterID: o.cluster.clusterID, SystemNamespace: o.systemNamespace, Domain: o.domainSuffix,
		TrustDomain: o.trustDomain, Instance: o.cluster.instance, Drain: o.cluster.drain, Log: logger,
		NoGatewayDeployments: !o.cluster.gateways,
	}
	if out.Drain == 0 {
		out.Drain = -1
	}
	if out.Instance == "" {
		out.Instance, _ = os.Hostname()
	}
	access := kube.Access{Kubeconfig: o.cluster.kubeconfig, Context: o.cluster.context, Files: filepath.SplitList(os.Getenv("KUBECONFIG"))}
	if out.Access, out.Name, err = access.Load(); err != nil {
		return fmt.Errorf("--kubernetes: %w", err)
	}
	out.Access.UserAgent = "meshd"
	var r Ready
	if err := open([]address{
		{"--xds-address", o.secure, &out.XDS, &r.XDS},
		{"--webhook-address", o.cluster.webhook, &out.Webhook, &r.Webhook},
		{"--monitoring-address", o.cluster.monitoring, &out.Monitoring, &r.Monitoring},
		{"--admin-address", o.admin, &out.Admin, &r.Admin},
	}); err != nil {
		return err
	}
	if o.readyFile != "" {
		if err := r.write(o.readyFile); err != nil {
			return err
		}
	}
	return kubernetes(ctx, out)
}

// checkCluster refuses flags that cannot work together.
func checkCluster(o options) error {
	switch {
	case len(o.configDirs) > 0 || o.stateDir != "" || o.caDir != "" || o.plaintext != "":
		return errors.New("--kubernetes reads configuration and certificates from the cluster: leave out --config-dir, --state-dir, --ca-dir and --plaintext-xds-address")
	case o.secure == "":
		return errors.New("no address to serve on: give --xds-address, e.g. :15012")
	case o.admin != "" && !loopback(o.admin):
		return fmt.Errorf("--admin-address %s: it asks nobody for a certificate, so only a loopback address such as 127.0.0.1:9876 is allowed", o.admin)
	case o.cluster.drain < 0:
		return fmt.Errorf("--drain %s: give a time of zero or more", o.cluster.drain)
	}
	return nil
}
