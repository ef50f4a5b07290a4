package routing

import (
	"fmt"
	"slices"
	"strings"

	networking "istio.io/api/networking/v1alpha3"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// gatewayHosts looks for VirtualServices of whose hosts a Gateway that they name serves none.
func gatewayHosts() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "virtualservice-gateway-hosts",
		Doc:   "VirtualServices none of whose hosts is one of the Gateway that they are bound to",
		Codes: []codes.Code{codes.HostNotOnGateway},
		Kinds: []config.Kind{config.VirtualService, config.ConfigMap, config.Gateway, config.K8sGateway},
		Run: func(p *analyze.Pass) {
			p.Reads(config.Gateway, config.K8sGateway)
			for _, v := range written.Of(p) {
				for i, g := range v.Own.Gateways {
					if g != mesh.Mesh && !strings.Contains(g, mesh.InternalGateway) && len(v.Own.Hosts) > 0 {
						checkGateway(p, v, i, g)
					}
				}
			}
		},
	}
}

func checkGateway(p *analyze.Pass, v *mesh.Virtual, i int, gateway string) {
	served, found := hostsOf(p, gateway, v.Object.Key.Namespace)
	if !found && !p.Knows(config.Gateway, config.K8sGateway) {
		p.Open(codes.HostNotOnGateway, v.Object, "Gateway "+gateway, config.Gateway, config.K8sGateway)
		return
	}
	hosts := v.Own.Hosts
	if spec, ok := v.Object.Spec.(*networking.VirtualService); ok { // names as they are written count, too
		hosts = slices.Concat(hosts, spec.GetHosts())
	}
	for _, h := range hosts {
		if slices.ContainsFunc(served, func(s string) bool { return mesh.HostsMeet(s, strings.ToLower(h)) }) {
			return
		}
	}
	message := fmt.Sprintf("the Gateway %s serves none of the hosts %s, so nothing of the VirtualService is in force there", gateway, strings.Join(v.Own.Hosts, ", "))
	fix := "add the hosts to the Gateway, or correct spec.hosts or spec.gateways"
	switch {
	case !found:
		message = fmt.Sprintf("the Gateway %s does not exist, so it serves none of the hosts %s", gateway, strings.Join(v.Own.Hosts, ", "))
	case len(served) > 0:
		message += "; it serves " + strings.Join(served, ", ")
	default:
		message += "; it serves none of namespace " + v.Object.Key.Namespace
	}
	p.Report(analyze.Finding{Code: codes.HostNotOnGateway, Object: v.Object, Field: at("spec.gateways", i), Message: message, Fix: fix})
}

// hostsOf lists the hosts that a Gateway serves for VirtualServices of a namespace.
func hostsOf(p *analyze.Pass, gateway, namespace string) (out []string, found bool) {
	if servers, ok := p.Mesh().GatewayHosts(gateway); ok {
		for _, server := range servers {
			for _, h := range server {
				if h.Namespace == "" || h.Namespace == namespace {
					out = append(out, h.Host)
				}
			}
		}
		return out, true
	}
	home, name, _ := strings.Cut(gateway, "/")
	o := p.Get(config.Key{Kind: config.K8sGateway, Namespace: home, Name: name})
	if o == nil {
		return nil, false
	}
	if g, ok := o.Spec.(*gatewayv1.Gateway); ok {
		for _, l := range g.Spec.Listeners {
			if l.Hostname == nil || *l.Hostname == "" {
				return []string{"*"}, true
			}
			out = append(out, strings.ToLower(string(*l.Hostname)))
		}
	}
	return out, true
}
