// Package kubernetes runs meshd in a cluster.
package kubernetes

import (
	"context"

	"k8s.io/klog/v2"

	"github.com/meshctl/meshctl/internal/cli/meshd"
	"github.com/meshctl/meshctl/internal/incluster"
)

// Run is the meshd.Runner of cmd/meshd.
func Run(ctx context.Context, c meshd.Cluster) error {
	klog.SetSlogLogger(c.Log.With("from", "client-go"))
	return incluster.Run(ctx, incluster.Options{
		Cluster: c.Access, ClusterName: c.Name, Revision: c.Revision, ClusterID: c.ClusterID, SystemNamespace: c.SystemNamespace,
		Domain: c.Domain, TrustDomain: c.TrustDomain, Instance: c.Instance, XDS: c.XDS, Webhook: c.Webhook, Monitoring: c.Monitoring,
		Admin: c.Admin, Drain: c.Drain, NoGatewayDeployments: c.NoGatewayDeployments, Log: c.Log,
	})
}
