package gateways

import (
	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

func selectors() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "gateway-selector",
		Doc:   "Gateways whose selector no workload has",
		Codes: []codes.Code{codes.ReferenceNotFound},
		Kinds: proxyKinds(),
		Run: func(p *analyze.Pass) {
			g := proxies.Of(p)
			for _, o := range gatewaysOf(p) {
				spec := o.Spec.(*networking.Gateway)
				if len(spec.Selector) == 0 || len(g.of(spec.Selector)) > 0 {
					continue
				}
				text := labelText(spec.Selector)
				if !g.known {
					p.Open(codes.ReferenceNotFound, o, "a gateway's Deployment or Pod with the labels "+text, config.Pod)
					continue
				}
				p.Report(analyze.Finding{
					Code: codes.ReferenceNotFound, Object: o, Field: selectorField("spec.selector", spec.Selector),
					Message: "the selector " + text + " matches no workload in any namespace; no proxy serves the Gateway",
					Fix:     "write labels that the pods of the gateway have, or install the gateway",
				})
			}
		},
	}
}
