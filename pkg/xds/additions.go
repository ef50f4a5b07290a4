package xds

import (
	"slices"
	"strings"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/envoyfilter"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// addition is a cluster that an EnvoyFilter adds to a scope.
type addition struct {
	envoyfilter.Addition[*clusterv3.Cluster]
	resource *Resource
}

// addedClusters are the clusters that EnvoyFilters add to the scope's proxies, whether or not there is room for them.
func (b *builder) addedClusters() (out []addition, problems []config.Problem) {
	list, problems := b.program.AddedClusters(b.scope.Key.Type == mesh.Router)
	for _, a := range list {
		out = append(out, addition{a, encode(a.Message.GetName(), ClusterType, a.Message, a.Key)})
	}
	return out, problems
}

// placeAdded puts the added clusters where none of the mesh has their name: a service that comes takes their place, and one that goes
// gives it back.
func (v *scopeView) placeAdded(p *patch) {
	for _, a := range v.added {
		if !v.generates(a.resource.Name) {
			p.clusters = append(p.clusters, a.resource)
			p.removedClusters = slices.DeleteFunc(p.removedClusters, func(name string) bool { return name == a.resource.Name })
		}
	}
}

// generates reports whether the mesh itself makes a cluster of that name for the scope.
func (v *scopeView) generates(name string) bool {
	if slices.ContainsFunc(v.static.resources, func(r *Resource) bool { return r.Name == name }) {
		return true
	}
	h := v.hosts[name[strings.LastIndexByte(name, '|')+1:]]
	return h != nil && slices.ContainsFunc(h.clusters, func(e *entry) bool {
		return slices.ContainsFunc(e.resources, func(r *Resource) bool { return r.Name == name })
	})
}
