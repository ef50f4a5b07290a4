package xds

import (
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/translate"
)

// clusterSet makes the clusters of one port of a service, one for the whole and one a subset, each followed by its endpoints
// where Envoy takes them by EDS.
func (b *builder) clusterSet(s *mesh.ScopedService, port mesh.Port, out *hostEntries) {
	if port.Protocol == mesh.UDP {
		return
	}
	inputs := b.clusterInputs(s, port)
	for _, in := range inputs {
		e := b.memo.get("cluster", in, func() *entry {
			cluster, problems := translate.Cluster(in)
			return &entry{resources: []*Resource{encode(cluster.Name, ClusterType, cluster, originOf(in.Rule, s)...)}, problems: problems}
		})
		out.clusters = append(out.clusters, b.patchedCluster(e, b.context()))
	}
	b.assignments(s, port, inputs, out)
}

func (b *builder) clusterInputs(s *mesh.ScopedService, port mesh.Port) []translate.ClusterInput {
	endpoints := b.snapshot.Endpoints(s.Service, port)
	inputs := translate.ClusterInputs(translate.ClusterInput{
		Config: b.scope.Config, Proxy: b.scope.Key.Type, Mode: b.scope.Key.Mode, Service: s.Service, Port: port, Rule: s.Rule, Identities: endpoints.Identities,
	})
	for i := range inputs {
		inputs[i].MutualTLS = endpoints.MutualTLS() && translate.KeepsDestination(inputs[i])
	}
	if translate.InlineEndpoints(s.Service) {
		for i := range inputs {
			inputs[i].Endpoints = endpoints
			inputs[i].Client = b.client(inputs[i])
		}
	}
	return append(inputs, translate.PassesThrough(b.scope.Servers, inputs)...)
}

// client is what the endpoints of a cluster depend on of the scope's proxies.
func (b *builder) client(c translate.ClusterInput) translate.Client {
	return translate.ClientOf(c, b.proxy.Locality, func(label string) string { return b.snapshot.Topology(b.proxy, label) })
}

// assignments makes the endpoints of the clusters of one port.
func (b *builder) assignments(s *mesh.ScopedService, port mesh.Port, clusters []translate.ClusterInput, out *hostEntries) {
	endpoints := b.snapshot.Endpoints(s.Service, port)
	for _, c := range clusters {
		if !translate.NeedsAssignment(c) {
			continue
		}
		in := translate.NewAssignment(c, endpoints, b.client(c))
		out.endpoints = append(out.endpoints, b.memo.get("assignment", in, func() *entry {
			a := translate.Assignment(in)
			return &entry{resources: []*Resource{encode(a.ClusterName, EndpointType, a, c.Service.From)}}
		}))
	}
}

// staticClusters are those that proxies have whatever the services are.
func (b *builder) staticClusters() *entry {
	in := translate.StaticClustersInput{Config: b.scope.Config, Proxy: b.scope.Key.Type, Mode: b.scope.Key.Mode}
	return b.patchedCluster(b.memo.get("static", in, func() *entry {
		e := &entry{}
		for _, c := range translate.StaticClusters(in) {
			e.resources = append(e.resources, encode(c.Name, ClusterType, c))
		}
		return e
	}), b.context())
}
