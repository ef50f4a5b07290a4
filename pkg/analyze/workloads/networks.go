package workloads

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

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
			key := config.Key{Kind: config.ConfigMap, Namespace: p.Config().SystemNamespace, Name: config.MeshConfigName}
			o := p.Get(key)
			if o == nil {
				return
			}
			if cm, ok := o.Spec.(*corev1.ConfigMap); ok && cm.Data["meshNetworks"] != "" {
				judgeNetworks(p, o, cm.Data["meshNetworks"])
			}
		},
	}
}

// networks is the part of MeshNetworks that names registries
// (https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshNetworks).
type networks struct {
	Networks map[string]struct {
		Endpoints []struct {
			FromRegistry string `json:"fromRegistry"`
		} `json:"endpoints"`
	} `json:"networks"`
}

func judgeNetworks(p *analyze.Pass, o *config.Object, text string) {
	var all networks
	if err := yaml.Unmarshal([]byte(text), &all); err != nil {
		return // the text as such is not this analyzer's
	}
	known := clusters(p)
	for name, network := range all.Networks {
		for i, e := range network.Endpoints {
			if e.FromRegistry != "" && !slices.Contains(known, e.FromRegistry) {
				p.Report(analyze.Finding{
					Code: codes.UnknownRegistry, Object: o, Field: fmt.Sprintf("data[meshNetworks].networks.%s.endpoints[%d].fromRegistry", name, i),
					Message: fmt.Sprintf("network %s takes the endpoints of %q, and no cluster of that name is known: its endpoints stay outside every network", name, e.FromRegistry),
					Fix:     "write Kubernetes for this cluster, or the name under which a Secret with the label " + remoteSecret + ` "true" gives access to it`,
				})
			}
		}
	}
}

// clusters are the names of this cluster and of those that Secrets give access to.
func clusters(p *analyze.Pass) []string {
	out := []string{"Kubernetes", "External", "Mock"}
	for _, o := range p.All(config.Secret) {
		if secret, ok := o.Spec.(*corev1.Secret); ok && o.Meta.Labels[remoteSecret] == "true" {
			for name := range secret.Data {
				out = append(out, name)
			}
		}
	}
	return out
}
