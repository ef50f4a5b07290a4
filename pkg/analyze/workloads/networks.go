package workloads

import (
	"fmt"
	"slices"

	meshconfig "istio.io/api/mesh/v1alpha1"
	corev1 "k8s.io/api/core/v1"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

// remoteSecret labels the Secrets that give access to other clusters; their keys are the clusters' names.
const remoteSecret = "istio/multiCluster"

func meshNetworks() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "mesh-networks",
		Doc:   "networks that name clusters which are not known",
		Codes: []codes.Code{codes.UnknownRegistry},
		Kinds: []config.Kind{config.ConfigMap, config.Secret},
		Run: func(p *analyze.Pass) {
			o := p.Get(config.Key{Kind: config.ConfigMap, Namespace: p.Config().SystemNamespace, Name: config.MeshConfigName})
			if o != nil {
				networks, _ := config.DecodeMeshNetworks(o) // what is wrong with the text as such, the resolution tells
				judgeNetworks(p, o, networks)
			}
		},
	}
}

func judgeNetworks(p *analyze.Pass, o *config.Object, all *meshconfig.MeshNetworks) {
	known := clusters(p)
	for name, network := range all.GetNetworks() {
		for i, e := range network.GetEndpoints() {
			registry := e.GetFromRegistry()
			switch {
			case registry == "" || slices.Contains(known, registry):
			case !p.Knows(config.Secret):
				p.Open(codes.UnknownRegistry, o, "a Secret with the label "+remoteSecret+" that gives access to cluster "+registry, config.Secret)
			default:
				p.Report(analyze.Finding{
					Code: codes.UnknownRegistry, Object: o, Field: fmt.Sprintf("data[%s].networks[%s].endpoints[%d].fromRegistry", config.MeshNetworksKey, name, i),
					Message: fmt.Sprintf("network %s takes the endpoints of %q, and no cluster of that name is known: the network gets none of them", name, registry),
					Fix:     "write Kubernetes for this cluster, or the name under which a Secret with the label " + remoteSecret + ` "true" gives access to another`,
				})
			}
		}
	}
}

// clusters are the names of this cluster and of those that Secrets give access to.
func clusters(p *analyze.Pass) []string {
	out := []string{"Kubernetes", "External", "Mock"}
	for _, injector := range analyze.Injectors(p) {
		out = append(out, injector.Cluster)
	}
	for _, o := range p.All(config.Secret) {
		if secret, ok := o.Spec.(*corev1.Secret); ok && o.Meta.Labels[remoteSecret] == "true" {
			for name := range secret.Data {
				out = append(out, name)
			}
		}
	}
	return out
}
