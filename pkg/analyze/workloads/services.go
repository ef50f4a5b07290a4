package workloads

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/mesh"
)

func servicePorts() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "service-ports",
		Doc:   "ports of Services that say no protocol",
		Codes: []codes.Code{codes.PortName, codes.ExternalNamePort},
		Kinds: []config.Kind{config.Service},
		Run: func(p *analyze.Pass) {
			for _, o := range p.All(config.Service) {
				service, ok := o.Spec.(*corev1.Service)
				if ok && !controlPlane(o) && !strings.HasPrefix(o.Meta.Labels["gateway.istio.io/managed"], "istio.io-") {
					for i, port := range service.Spec.Ports {
						judgePortName(p, o, service, i, port)
					}
				}
			}
		},
	}
}

func judgePortName(p *analyze.Pass, o *config.Object, service *corev1.Service, i int, port corev1.ServicePort) {
	declared := mesh.ServicePortProtocol(port) != mesh.Auto
	external := service.Spec.Type == corev1.ServiceTypeExternalName
	field := fmt.Sprintf("spec.ports[%d]", i)
	if port.Name != "" {
		field += ".name"
	}
	switch {
	case external && (!declared || port.Name == "tcp"):
		p.Report(analyze.Finding{
			Code: codes.ExternalNamePort, Object: o, Field: field,
			Message: fmt.Sprintf("port %d of this ExternalName service is taken for TCP, of which a proxy knows no name: its listener takes the traffic of other hosts on that port as well", port.Port),
			Fix:     "name the port after its protocol, for example http, tls or https",
		})
	case !external && !declared:
		p.Report(analyze.Finding{
			Code: codes.PortName, Object: o, Field: field,
			Message: fmt.Sprintf("port %d does not say its protocol: proxies guess it from the first bytes, and policies and routes for HTTP hold only where they guess so", port.Port),
			Fix:     "set appProtocol, or begin the name with the protocol: http, http2, grpc, https, tls, tcp",
		})
	}
}

func deploymentServices() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "deployment-services",
		Doc:   "Services of one Deployment that disagree about a port",
		Codes: []codes.Code{codes.DeploymentProtocols, codes.TargetPortConflict},
		Kinds: []config.Kind{config.Deployment, config.Service, config.Namespace},
		Run: func(p *analyze.Pass) {
			selectors := servicesBySelector.Of(p)
			for _, o := range p.All(config.Deployment) {
				w := analyze.NewWorkload(o, p.Mesh().NamespaceLabels(o.Key.Namespace))
				p.Reads(config.Namespace)
				if _, ok := o.Spec.(*appsv1.Deployment); ok && w.Meshed && o.Meta.Labels["gateway.istio.io/managed"] != "istio.io-mesh-controller" {
					judgeServices(p, o, selectors.selecting(o.Key.Namespace, w.Labels))
				}
			}
		},
	}
}

// selectorIndex finds Services by one label that they select by: "namespace key=value".
type selectorIndex map[string][]*config.Object

var servicesBySelector = analyze.NewFact(func(p *analyze.Pass) selectorIndex {
	out := selectorIndex{}
	for _, o := range p.All(config.Service) {
		if service, ok := o.Spec.(*corev1.Service); ok && len(service.Spec.Selector) > 0 {
			k := slices.Min(slices.Collect(maps.Keys(service.Spec.Selector)))
			at := o.Key.Namespace + " " + k + "=" + service.Spec.Selector[k]
			out[at] = append(out[at], o)
		}
	}
	return out
})

func (x selectorIndex) selecting(namespace string, labels map[string]string) []*config.Object {
	var out []*config.Object
	for k, v := range labels {
		for _, o := range x[namespace+" "+k+"="+v] {
			if service, ok := o.Spec.(*corev1.Service); ok && analyze.Selects(service.Spec.Selector, labels) {
				out = append(out, o)
			}
		}
	}
	slices.SortFunc(out, func(a, b *config.Object) int { return a.Key.Compare(b.Key) })
	return out
}

// claim is what Services say of one port: by what they say, who says so.
type claim map[string][]string

func (c claim) add(says, service string) {
	if !slices.Contains(c[says], service) {
		c[says] = append(c[says], service)
	}
}

// String lists who says what: "TCP by a, UDP by b".
func (c claim) String() string {
	var out []string
	for _, says := range slices.Sorted(maps.Keys(c)) {
		out = append(out, says+" by "+strings.Join(c[says], " and "))
	}
	return strings.Join(out, ", ")
}

func judgeServices(p *analyze.Pass, deployment *config.Object, services []*config.Object) {
	protocols, targets := map[int32]claim{}, map[string]claim{}
	for _, o := range services {
		service, ok := o.Spec.(*corev1.Service)
		if !ok {
			continue
		}
		for _, port := range service.Spec.Ports {
			protocol := port.Protocol
			if protocol == "" {
				protocol = corev1.ProtocolTCP
			}
			claimOf(protocols, port.Port).add(string(protocol), o.Key.Name)
			target := port.TargetPort.String()
			if target == "" || target == "0" {
				target = strconv.Itoa(int(port.Port))
			}
			claimOf(targets, target).add(strconv.Itoa(int(port.Port)), o.Key.Name)
		}
	}
	for _, port := range slices.Sorted(maps.Keys(protocols)) {
		if c := protocols[port]; len(c) > 1 {
			p.Report(analyze.Finding{
				Code: codes.DeploymentProtocols, Object: deployment, Field: "metadata.name",
				Message: fmt.Sprintf("its pods serve port %d with different protocols: %v", port, c),
				Fix:     "use one protocol for the port, or another port in one of the Services",
			})
		}
	}
	for _, target := range slices.Sorted(maps.Keys(targets)) {
		if c := targets[target]; len(c) > 1 {
			p.Report(analyze.Finding{
				Code: codes.TargetPortConflict, Object: deployment, Field: "metadata.name",
				Message: fmt.Sprintf("port %s of its pods is the target of several ports, of which a proxy serves only one: %v", target, c),
				Fix:     "let each port of the Services have a target port of its own",
			})
		}
	}
}

func claimOf[K comparable](all map[K]claim, key K) claim {
	if all[key] == nil {
		all[key] = claim{}
	}
	return all[key]
}
