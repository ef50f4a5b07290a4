package translate

import (
	"cmp"
	"math"
	"slices"
	"strings"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"
	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/mesh"
)

// locality splits "region/zone/subzone".
func locality(name string) *corev3.Locality {
	var part [3]string
	copy(part[:], strings.SplitN(name, "/", 3))
	return &corev3.Locality{Region: part[0], Zone: part[1], SubZone: part[2]}
}

func localityName(g *endpointv3.LocalityLbEndpoints) string {
	l := g.GetLocality()
	return l.GetRegion() + "/" + l.GetZone() + "/" + l.GetSubZone()
}

// UsesLocality reports whether the cluster's endpoints depend on where the client is: its rule distributes by locality, or
// it has outlierDetection, without which Istio's locality failover does nothing.
func UsesLocality(c ClusterInput) bool {
	policy := policyFor(c.Rule, c.Port.Number, c.Subset)
	setting := localitySetting(policy, c.Config)
	return setting != nil && (len(setting.GetDistribute()) > 0 || policy.outlier != nil)
}

// localitySetting is the rule's localityLbSetting or else the mesh's; nil when it is switched off or there is none.
func localitySetting(policy trafficPolicy, config *mesh.Config) *networking.LocalityLoadBalancerSetting {
	s := cmp.Or(policy.lb.GetLocalityLbSetting(), config.Mesh.GetLocalityLbSetting())
	if s == nil || s.GetEnabled() != nil && !s.GetEnabled().GetValue() {
		return nil
	}
	return s
}

// localityBalancing makes Envoy honour the weights of localities, where a rule sets them.
func localityBalancing(c *clusterv3.Cluster, policy trafficPolicy, config *mesh.Config) {
	if s := localitySetting(policy, config); len(s.GetDistribute()) > 0 && c.LbPolicy != clusterv3.Cluster_CLUSTER_PROVIDED {
		c.CommonLbConfig.LocalityConfigSpecifier = &clusterv3.Cluster_CommonLbConfig_LocalityWeightedLbConfig_{
			LocalityWeightedLbConfig: &clusterv3.Cluster_CommonLbConfig_LocalityWeightedLbConfig{},
		}
	}
}

// balance applies localityLbSetting to endpoints grouped by locality.
func balance(groups []*endpointv3.LocalityLbEndpoints, s *networking.LocalityLoadBalancerSetting, from string) []*endpointv3.LocalityLbEndpoints {
	for _, d := range s.GetDistribute() {
		if covers(d.GetFrom(), from) {
			return distribute(groups, d.GetTo())
		}
	}
	if len(s.GetDistribute()) == 0 && from != "" {
		failover(groups, s.GetFailover(), from)
	}
	return groups
}

// distribute gives localities the share of traffic that the rule says, and leaves out those that get none. A share is split
// among the localities it covers by the number of their endpoints.
func distribute(groups []*endpointv3.LocalityLbEndpoints, to map[string]uint32) []*endpointv3.LocalityLbEndpoints {
	patterns := make([]string, 0, len(to))
	for p := range to {
		patterns = append(patterns, p)
	}
	// The longest pattern is the most specific.
	slices.SortFunc(patterns, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	chosen, total := make([]string, len(groups)), map[string]uint64{}
	for i, g := range groups {
		for _, p := range patterns {
			if covers(p, localityName(g)) {
				chosen[i] = p
				total[p] += uint64(g.LoadBalancingWeight.GetValue())
				break
			}
		}
	}
	var out []*endpointv3.LocalityLbEndpoints
	for i, g := range groups {
		share := uint64(min(to[chosen[i]], 100))
		if chosen[i] == "" || share == 0 || total[chosen[i]] == 0 {
			continue
		}
		const scale = 10000 // keeps small localities above zero
		w := share * scale * uint64(g.LoadBalancingWeight.GetValue()) / total[chosen[i]]
		g.LoadBalancingWeight = wrapperspb.UInt32(uint32(max(1, min(w, math.MaxInt32))))
		out = append(out, g)
	}
	return out
}

// failover prefers the client's own subzone, then zone, then region, then the region that the rule names, then the rest.
// Envoy wants priorities without gaps.
func failover(groups []*endpointv3.LocalityLbEndpoints, rules []*networking.LocalityLoadBalancerSetting_Failover, from string) {
	client, next := locality(from), ""
	for _, f := range rules {
		if f.GetFrom() == client.GetRegion() {
			next = f.GetTo()
		}
	}
	used := map[uint32]bool{}
	for _, g := range groups {
		g.Priority = distance(client, g.GetLocality(), next)
		used[g.Priority] = true
	}
	rank, count := map[uint32]uint32{}, uint32(0)
	for p := range uint32(5) {
		if used[p] {
			rank[p] = count
			count++
		}
	}
	for _, g := range groups {
		g.Priority = rank[g.Priority]
	}
}

func distance(client, l *corev3.Locality, next string) uint32 {
	switch {
	case client.GetRegion() != l.GetRegion():
		if next != "" && next != l.GetRegion() {
			return 4
		}
		return 3
	case client.GetZone() != l.GetZone():
		return 2
	case client.GetSubZone() != l.GetSubZone():
		return 1
	}
	return 0
}

// covers reports whether a locality matches a pattern such as "region/zone/*" or "*". A pattern without a wildcard covers
// what is below it, too.
func covers(pattern, name string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(name, prefix)
	}
	return name == pattern || strings.HasPrefix(name, strings.TrimSuffix(pattern, "/")+"/")
}
