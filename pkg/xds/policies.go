package xds

import (
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/translate"
)

// policies finds what holds for the connections to a workload and adds the clusters that it needs of its own.
func (b *builder) policies(p mesh.Proxy, w *mesh.Workload, out *ownSet) translate.Policies {
	policies, problems := translate.WorkloadPolicies(b.scope.Config, w, b.scope.Service)
	out.problems = append(out.problems, problems...)
	out.needsServices = out.needsServices || translate.NeedsServices(w)
	for _, in := range translate.KeysClusters(translate.KeysClusterInput{Config: b.scope.Config, Proxy: p.Type, Mode: p.Mode}, policies.JWT) {
		out.add(b.memo.get("keys cluster", in, func() *entry {
			c := translate.KeysCluster(in)
			return &entry{resources: []*Resource{encode(c.Name, ClusterType, c, in.From)}}
		}), &out.clusters)
	}
	return policies
}
