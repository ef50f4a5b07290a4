package xds

import (
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/translate"
)

// policies finds what holds for the connections to a workload and adds the clusters that it needs of its own.
func (b *builder) policies(p mesh.Proxy, w *mesh.Workload, out *ownSet) translate.Policies {
	policies, problems := translate.WorkloadPolicies(b.scope.Config, p.Type, w, b.scope.Service)
	out.problems = append(out.problems, problems...)
	out.needsServices = out.needsServices || translate.NeedsServices(b.scope.Config, w)
	for _, in := range translate.KeysClusters(translate.AddressClusterInput{Config: b.scope.Config, Proxy: p.Type, Mode: p.Mode}, policies.JWT) {
		out.add(b.addressCluster(in), &out.clusters)
	}
	return policies
}

// addressCluster makes the cluster of an address that is no service of the mesh.
func (b *builder) addressCluster(in translate.AddressClusterInput) *entry {
	return b.memo.get("address cluster", in, func() *entry {
		c := translate.AddressCluster(in)
		return &entry{resources: []*Resource{encode(c.Name, ClusterType, c, in.From)}}
	})
}
