package gateways

import (
	"fmt"
	"slices"

	networking "istio.io/api/networking/v1alpha3"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/mesh"
)

func ports() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "gateway-port",
		Doc:   "ports of Gateways that no Service of their proxies has",
		Codes: []codes.Code{codes.PortNotOnService},
		Kinds: append(proxyKinds(), config.Service),
		Run:   judgePorts,
	}
}

func judgePorts(p *analyze.Pass) {
	g := proxies.Of(p)
	known := map[string]map[uint32]bool{} // by selector
	for _, o := range gatewaysOf(p) {
		spec := o.Spec.(*networking.Gateway)
		list := g.of(spec.Selector)
		if len(list) == 0 {
			continue // said of the selector
		}
		if !p.Knows(config.Service) {
			p.Open(codes.PortNotOnService, o, "a Service of "+selected(spec.Selector), config.Service)
			continue
		}
		text := labelText(spec.Selector)
		if known[text] == nil {
			known[text] = servedPorts(p, list)
		}
		told := map[uint32]bool{}
		for i, s := range spec.Servers {
			n := s.GetPort().GetNumber()
			if n == 0 || told[n] || known[text][n] {
				continue
			}
			told[n] = true
			p.Report(analyze.Finding{
				Code: codes.PortNotOnService, Object: o, Field: serverField(i) + ".port.number",
				Message: fmt.Sprintf("no Service of %s has the port or target port %d; clients of the Service cannot reach it", selected(spec.Selector), n),
				Fix:     fmt.Sprintf("add the port %d to the gateway's Service, or use one of its ports", n),
			})
		}
	}
}

// servedPorts are the ports, and the pods' ports behind them, of all Services that select one of the workloads.
func servedPorts(p *analyze.Pass, list []*analyze.Workload) map[uint32]bool {
	out := map[uint32]bool{}
	services := servicesByNamespace.Of(p)
	for _, namespace := range namespaces(list) {
		for _, svc := range services[namespace] {
			for _, w := range list {
				if w.Namespace != namespace || !mesh.Selects(svc.Spec.Selector, w.Labels) {
					continue
				}
				for _, port := range svc.Spec.Ports {
					addPort(out, port, w)
				}
			}
		}
	}
	return out
}

func addPort(out map[uint32]bool, port corev1.ServicePort, w *analyze.Workload) {
	if port.Protocol != "" && port.Protocol != corev1.ProtocolTCP {
		return
	}
	out[uint32(port.Port)] = true
	if port.TargetPort.Type == intstr.Int {
		if port.TargetPort.IntVal > 0 {
			out[uint32(port.TargetPort.IntVal)] = true
		}
		return
	}
	if w.Pod == nil {
		return
	}
	for _, c := range w.Pod.Spec.Containers {
		if i := slices.IndexFunc(c.Ports, func(own corev1.ContainerPort) bool { return own.Name == port.TargetPort.StrVal }); i >= 0 {
			out[uint32(c.Ports[i].ContainerPort)] = true
		}
	}
}

// servicesByNamespace are the Services with a selector.
var servicesByNamespace = analyze.NewFact(func(p *analyze.Pass) map[string][]*corev1.Service {
	out := map[string][]*corev1.Service{}
	for _, o := range p.All(config.Service) {
		if svc, ok := o.Spec.(*corev1.Service); ok && len(svc.Spec.Selector) > 0 {
			out[o.Key.Namespace] = append(out[o.Key.Namespace], svc)
		}
	}
	return out
})
