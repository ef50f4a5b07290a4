package translate

import (
	"cmp"
	"math"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"
	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/mesh"
)

// Istio's default ring, and the largest that Envoy takes.
const (
	ringDefault = 1024
	ringMax     = 8 << 20
)

// loadBalancer applies trafficPolicy.loadBalancer. Unset means LEAST_REQUEST, as in Istio; so do LEAST_CONN, its former name, and
// PASSTHROUGH where connections have lost the address that they were going to.
func loadBalancer(c *clusterv3.Cluster, in ClusterInput, policy trafficPolicy, notes *problems) {
	lb := policy.lb
	if c.LbPolicy == clusterv3.Cluster_CLUSTER_PROVIDED { // ORIGINAL_DST has no other choice
		return
	}
	c.LbPolicy = clusterv3.Cluster_LEAST_REQUEST
	if hash := lb.GetConsistentHash(); hash != nil {
		consistentHash(c, hash)
		return
	}
	switch lb.GetSimple() {
	case networking.LoadBalancerSettings_ROUND_ROBIN:
		c.LbPolicy = clusterv3.Cluster_ROUND_ROBIN
	case networking.LoadBalancerSettings_RANDOM:
		c.LbPolicy = clusterv3.Cluster_RANDOM
	case networking.LoadBalancerSettings_PASSTHROUGH:
		if !in.keepsAddress() {
			notes.warn(policy.lbField+".simple", "PASSTHROUGH needs connections that the kernel redirects; these are balanced by LEAST_REQUEST", "use simple: LEAST_REQUEST here")
			break
		}
		c.ClusterDiscoveryType = &clusterv3.Cluster_Type{Type: clusterv3.Cluster_ORIGINAL_DST}
		c.LbPolicy, c.EdsClusterConfig, c.LoadAssignment = clusterv3.Cluster_CLUSTER_PROVIDED, nil, nil
		resolveNothing(c)
		return
	}
	slowStart(c, lb)
}

// keepsAddress reports whether connections still know where they were going.
func (in ClusterInput) keepsAddress() bool {
	return in.Mode == mesh.Redirected && in.Proxy == mesh.Sidecar
}

// slowStart applies warmup to the policies that know it.
func slowStart(c *clusterv3.Cluster, lb *networking.LoadBalancerSettings) {
	window := lb.GetWarmupDurationSecs()
	if lb.GetWarmup() != nil {
		window = lb.GetWarmup().GetDuration()
	}
	if !aMillisecond(window) {
		return
	}
	s := &clusterv3.Cluster_SlowStartConfig{SlowStartWindow: window}
	if a := lb.GetWarmup().GetAggression(); a.GetValue() >= 1 && !math.IsInf(a.GetValue(), 1) {
		s.Aggression = &corev3.RuntimeDouble{DefaultValue: a.GetValue(), RuntimeKey: "upstream.slow_start." + c.Name + ".aggression"}
	}
	if m := lb.GetWarmup().GetMinimumPercent(); m != nil && mesh.Percentage(m.GetValue()) {
		s.MinWeightPercent = &typev3.Percent{Value: m.GetValue()}
	}
	switch c.LbPolicy {
	case clusterv3.Cluster_ROUND_ROBIN:
		c.LbConfig = &clusterv3.Cluster_RoundRobinLbConfig_{RoundRobinLbConfig: &clusterv3.Cluster_RoundRobinLbConfig{SlowStartConfig: s}}
	case clusterv3.Cluster_LEAST_REQUEST:
		c.LbConfig = &clusterv3.Cluster_LeastRequestLbConfig_{LeastRequestLbConfig: &clusterv3.Cluster_LeastRequestLbConfig{SlowStartConfig: s}}
	}
}

// consistentHash chooses the ring or Maglev; what is hashed is the route's business, or the connection's.
func consistentHash(c *clusterv3.Cluster, hash *networking.LoadBalancerSettings_ConsistentHashLB) {
	if m := hash.GetMaglev(); m != nil {
		c.LbPolicy = clusterv3.Cluster_MAGLEV
		if size := m.GetTableSize(); mesh.MaglevSize(size) {
			c.LbConfig = &clusterv3.Cluster_MaglevLbConfig_{MaglevLbConfig: &clusterv3.Cluster_MaglevLbConfig{TableSize: wrapperspb.UInt64(size)}}
		}
		return
	}
	size := cmp.Or(hash.GetRingHash().GetMinimumRingSize(), hash.GetMinimumRingSize(), ringDefault) //nolint:staticcheck // users' files have it
	c.LbPolicy = clusterv3.Cluster_RING_HASH
	c.LbConfig = &clusterv3.Cluster_RingHashLbConfig_{RingHashLbConfig: &clusterv3.Cluster_RingHashLbConfig{
		MinimumRingSize: wrapperspb.UInt64(min(size, ringMax)),
	}}
}
