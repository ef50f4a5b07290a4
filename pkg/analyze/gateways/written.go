package gateways

import (
	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
)

// gatewaysOf are the Gateways of Istio's API that people wrote and that are in force.
func gatewaysOf(p *analyze.Pass) []*config.Object {
	var out []*config.Object
	for _, o := range p.All(config.Gateway) {
		if _, ok := o.Spec.(*networking.Gateway); ok && !p.Broken(o) {
			out = append(out, o)
		}
	}
	return out
}
