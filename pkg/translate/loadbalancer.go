package translate

import (
	"cmp"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"
	networking "istio.io/api/networking/v1alpha3"
)

// Bounds that Envoy enforces, and Istio's default ring.
const (
	ringDefault = 1024
	ringMax     = 8 << 20
	maglevMax   = 5000011
)

// loadBalancer applies trafficPolicy.loadBalancer. Unset means LEAST_REQUEST, as in Istio.
func loadBalancer(c *clusterv3.Cluster, lb *networking.LoadBalancerSettings, notes *problems) {
	if c.LbPolicy == clusterv3.Cluster_CLUSTER_PROVIDED { // ORIGINAL_DST has no other choice
		return
	}
	c.LbPolicy = clusterv3.Cluster_LEAST_REQUEST
	if hash := lb.GetConsistentHash(); hash != nil {
		consistentHash(c, hash, notes)
		return
	}
	switch lb.GetSimple() {
	case networking.LoadBalancerSettings_ROUND_ROBIN:
		c.LbPolicy = clusterv3.Cluster_ROUND_ROBIN
	case networking.LoadBalancerSettings_RANDOM:
		c.LbPolicy = clusterv3.Cluster_RANDOM
	case networking.LoadBalancerSettings_PASSTHROUGH:
		c.ClusterDiscoveryType = &clusterv3.Cluster_Type{Type: clusterv3.Cluster_ORIGINAL_DST}
		c.LbPolicy, c.EdsClusterConfig, c.LoadAssignment = clusterv3.Cluster_CLUSTER_PROVIDED, nil, nil
		resolveNothing(c)
		return
	}
	slowStart(c, lb)
}

// slowStart applies warmup to the policies that know it.
func slowStart(c *clusterv3.Cluster, lb *networking.LoadBalancerSettings) {
	window := cmp.Or(lb.GetWarmup().GetDuration(), lb.GetWarmupDurationSecs())
	if !positive(window) {
		return
	}
	s := &clusterv3.Cluster_SlowStartConfig{SlowStartWindow: window}
	if a := lb.GetWarmup().GetAggression(); a.GetValue() >= 1 {
		s.Aggression = &corev3.RuntimeDouble{DefaultValue: a.GetValue(), RuntimeKey: "upstream.slow_start." + c.Name + ".aggression"}
	}
	if m := lb.GetWarmup().GetMinimumPercent(); m != nil && m.GetValue() >= 0 && m.GetValue() <= 100 {
		s.MinWeightPercent = &typev3.Percent{Value: m.GetValue()}
	}
	switch c.LbPolicy {
	case clusterv3.Cluster_ROUND_ROBIN:
		c.LbConfig = &clusterv3.Cluster_RoundRobinLbConfig_{RoundRobinLbConfig: &clusterv3.Cluster_RoundRobinLbConfig{SlowStartConfig: s}}
	case clusterv3.Cluster_LEAST_REQUEST:
		c.LbConfig = &clusterv3.Cluster_LeastRequestLbConfig_{LeastRequestLbConfig: &clusterv3.Cluster_LeastRequestLbConfig{SlowStartConfig: s}}
	}
}

// consistentHash chooses the ring or Maglev; what is hashed is the route's business.
func consistentHash(c *clusterv3.Cluster, hash *networking.LoadBalancerSettings_ConsistentHashLB, notes *problems) {
	if m := hash.GetMaglev(); m != nil {
		c.LbPolicy = clusterv3.Cluster_MAGLEV
		size := m.GetTableSize()
		switch {
		case size == 0:
		case size > maglevMax || !prime(size):
			notes.fail("spec.trafficPolicy.loadBalancer.consistentHash.maglev.tableSize", "the table size must be a prime number up to 5000011", "for example 65537")
		default:
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

func prime(n uint64) bool {
	for d := uint64(2); d*d <= n; d++ {
		if n%d == 0 {
			return false
		}
	}
	return n > 1
}
