package gateways

import (
	"fmt"
	"strings"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/mesh"
)

func internalGateways() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "virtualservice-internal-gateway",
		Doc:   "VirtualServices that name what was generated of a Kubernetes Gateway",
		Codes: []codes.Code{codes.InternalGateway},
		Kinds: []config.Kind{config.VirtualService},
		Run: func(p *analyze.Pass) {
			for _, o := range p.All(config.VirtualService) {
				spec, ok := o.Spec.(*networking.VirtualService)
				if !ok {
					continue
				}
				for i, g := range spec.Gateways {
					if !generated(p, g) {
						continue
					}
					p.Report(analyze.Finding{
						Code: codes.InternalGateway, Object: o, Field: fmt.Sprintf("spec.gateways[%d]", i),
						Message: fmt.Sprintf("%q is what the control plane generates of a Kubernetes Gateway; its name may change, and only routes of the Gateway API attach to it", g),
						Fix:     "write an HTTPRoute with the Kubernetes Gateway in its parentRefs, or use a Gateway of networking.istio.io",
					})
				}
			}
		},
	}
}

// generated reports whether a reference is to what a control plane made: Istio's, or this one.
func generated(p *analyze.Pass, gateway string) bool {
	_, name, found := strings.Cut(gateway, "/")
	if !found {
		return strings.Contains(gateway, mesh.InternalGateway)
	}
	if strings.Contains(name, mesh.InternalGateway) {
		return true
	}
	_, exists := p.Mesh().GatewayHosts(gateway)
	return exists && config.Key{Name: name}.Derived()
}
