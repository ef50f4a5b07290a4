package translate

import (
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
)

// proxylessCluster keeps to what gRPC's own xDS client understands (gRFC A27, A29, A40, A50).
func proxylessCluster(c *clusterv3.Cluster, in ClusterInput, policy trafficPolicy) {
	c.LbPolicy = clusterv3.Cluster_ROUND_ROBIN
	_ = in
	_ = policy
}
