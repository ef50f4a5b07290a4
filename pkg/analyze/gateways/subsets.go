package gateways

import (
	"fmt"
	"slices"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/mesh"
)

func subsets() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "gateway-subset",
		Doc:   "routes of gateways to hosts that another VirtualService divides between subsets, for sidecars only",
		Codes: []codes.Code{codes.SubsetOnGateway},
		Kinds: []config.Kind{config.VirtualService, config.Gateway, config.ConfigMap},
		Run: func(p *analyze.Pass) {
			p.Reads(config.VirtualService, config.Gateway, config.ConfigMap)
			virtuals := p.Mesh().Virtuals()
			divided := dividing(virtuals)
			for _, v := range virtuals {
				if len(v.Gateways) == 0 || v.Object.Key.Derived() {
					continue
				}
				for i, r := range v.Own.Http {
					for j, d := range r.Route {
						judgeDestination(p, v, fmt.Sprintf("spec.http[%d].route[%d].destination.host", i, j), d.GetDestination(), divided)
					}
				}
			}
		},
	}
}

// dividing lists, by host, the VirtualServices that route the host itself to its subsets.
func dividing(virtuals []*mesh.Virtual) map[string][]*mesh.Virtual {
	out := map[string][]*mesh.Virtual{}
	for _, v := range virtuals {
		if v.Object.Key.Derived() {
			continue
		}
		for _, r := range v.Own.Http {
			for _, d := range r.Route {
				host := d.GetDestination().GetHost()
				if d.GetDestination().GetSubset() != "" && slices.Contains(v.Own.Hosts, host) && !slices.Contains(out[host], v) {
					out[host] = append(out[host], v)
				}
			}
		}
	}
	return out
}

func judgeDestination(p *analyze.Pass, v *mesh.Virtual, field string, d *networking.Destination, divided map[string][]*mesh.Virtual) {
	if d.GetSubset() != "" {
		return
	}
	for _, other := range divided[d.GetHost()] {
		if other.Object.Key == v.Object.Key {
			continue
		}
		p.Report(analyze.Finding{
			Code: codes.SubsetOnGateway, Object: v.Object, Field: field,
			Message: fmt.Sprintf("requests through the gateway go to every version of %s: the VirtualService %s, which divides it between subsets, does not apply to them", d.GetHost(), full(other.Object)),
			Fix:     "name the subsets in this route, too, or bind the other VirtualService to the gateway and delegate to it",
			Related: []analyze.Related{{Object: other.Object.Key, Position: other.Object.Position(), Message: "divides the host between subsets"}},
		})
		return
	}
}
