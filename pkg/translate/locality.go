package translate

import (
	"math"
	"slices"
	"strings"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"

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

// localityBalancing makes Envoy honour the weights of localities where a rule sets them, and prefer zones where it may.
func localityBalancing(c *clusterv3.Cluster, policy trafficPolicy, config *mesh.Config) {
	b := balanceOf(policy, config)
	switch {
	case b == nil || c.LbPolicy == clusterv3.Cluster_CLUSTER_PROVIDED:
	case b.Regions:
		zones := &clusterv3.Cluster_CommonLbConfig_ZoneAwareLbConfig{}
		if n := policy.lb.GetZoneAwareLbSetting().GetMinClusterSize().GetValue(); n > 0 {
			zones.MinClusterSize = wrapperspb.UInt64(uint64(n))
		}
		c.CommonLbConfig.LocalityConfigSpecifier = &clusterv3.Cluster_CommonLbConfig_ZoneAwareLbConfig_{ZoneAwareLbConfig: zones}
	case len(b.Distribute) > 0:
		c.CommonLbConfig.LocalityConfigSpecifier = &clusterv3.Cluster_CommonLbConfig_LocalityWeightedLbConfig_{
			LocalityWeightedLbConfig: &clusterv3.Cluster_CommonLbConfig_LocalityWeightedLbConfig{},
		}
	}
}

// distribute gives localities the share of traffic that the rule says, and leaves out those that get none. A share is split
// among the localities it covers by the number of their endpoints.
func distribute(groups []*endpointv3.LocalityLbEndpoints, to map[string]uint32) []*endpointv3.LocalityLbEndpoints {
	patterns, all := make([]string, 0, len(to)), uint64(0)
	for p, share := range to {
		patterns = append(patterns, p)
		all += uint64(share)
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
		share := uint64(to[chosen[i]])
		if chosen[i] == "" || share == 0 || total[chosen[i]] == 0 {
			continue
		}
		const scale = 1000000 // keeps small localities above zero
		w := share * scale / all * uint64(g.LoadBalancingWeight.GetValue()) / total[chosen[i]]
		g.LoadBalancingWeight = wrapperspb.UInt32(uint32(max(1, min(w, math.MaxInt32))))
		out = append(out, g)
	}
	return out
}

// covers reports whether a locality matches a pattern such as "region/zone/*" or "*". A pattern without a wildcard covers
// what is below it, too.
func covers(pattern, name string) bool {
	name += strings.Repeat("/", max(0, 2-strings.Count(name, "/"))) // trailing parts may be missing
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(name, prefix)
	}
	return name == pattern || strings.HasPrefix(name, strings.TrimSuffix(pattern, "/")+"/")
}
