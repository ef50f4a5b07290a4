package workloads

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

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
		Kinds: []config.Kind{config.Service, config.Ingress},
		Run: func(p *analyze.Pass) {
			for _, o := range p.All(config.Service) {
				service, ok := o.Spec.(*corev1.Service)
				if ok && !controlPlane(o) && o.Meta.Labels[managedLabel] == "" {
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
			Message: fmt.Sprintf("port %d of this ExternalName service says no protocol that carries the host's name: a proxy cannot tell its connections from others to that port, and may send them elsewhere", port.Port),
			Fix:     "name the port after its protocol: https or tls, or http",
		})
	case !external && !declared:
		p.Report(analyze.Finding{
			Code: codes.PortName, Object: o, Field: field,
			Message: fmt.Sprintf("port %d does not say its protocol: proxies guess it from the first bytes, and routes and policies for HTTP hold only where they guess so", port.Port),
			Fix:     "set appProtocol, or begin the name with the protocol: http, http2, grpc, https, tls, tcp",
			Edits:   renameEdit(p, o, i, port, service.Spec.Ports),
		})
	}
}

// managedLabel is on what a controller made for a Kubernetes Gateway: not people's to change.
const managedLabel = "gateway.istio.io/managed"

// renameEdit turns a name around that has the protocol elsewhere than at its beginning ("web-http"), where nothing known refers to it.
func renameEdit(p *analyze.Pass, o *config.Object, i int, port corev1.ServicePort, others []corev1.ServicePort) []analyze.Edit {
	name := protocolFirst(port.Name)
	if name == "" || port.AppProtocol != nil || namedByIngress(p, o, port.Name) ||
		slices.ContainsFunc(others, func(other corev1.ServicePort) bool { return other.Name == name }) {
		return nil
	}
	at := o.FieldPosition(fmt.Sprintf("spec.ports[%d].name", i))
	line := o.Line(at.Line)
	if at.Column < 1 || at.Column > len(line) {
		return nil
	}
	rest := line[at.Column-1:]
	if quote := rest[0]; quote == '"' || quote == '\'' {
		at.Column, rest = at.Column+1, rest[1:]
	}
	if !strings.HasPrefix(rest, port.Name) {
		return nil
	}
	return []analyze.Edit{{Position: at, Old: port.Name, New: name}}
}

// protocolFirst moves the one part of a name that is a protocol to its beginning; empty when there is none, or more than one.
func protocolFirst(name string) string {
	parts := strings.Split(name, "-")
	found := -1
	for i, part := range parts {
		if mesh.ServicePortProtocol(corev1.ServicePort{Name: part}) == mesh.Auto {
			continue
		}
		if found >= 0 {
			return ""
		}
		found = i
	}
	if found < 0 {
		return ""
	}
	return strings.Join(slices.Concat(parts[found:found+1], parts[:found], parts[found+1:]), "-")
}

// namedByIngress reports whether an Ingress refers to a port of a Service by its name.
func namedByIngress(p *analyze.Pass, o *config.Object, name string) bool {
	return ingressPorts.Of(p)[o.Key.Namespace+"/"+o.Key.Name+":"+name]
}

// ingressPorts are the ports that Ingresses name: "namespace/service:port".
var ingressPorts = analyze.NewFact(func(p *analyze.Pass) map[string]bool {
	out := map[string]bool{}
	for _, o := range p.All(config.Ingress) {
		ingress, ok := o.Spec.(*networkingv1.Ingress)
		if !ok {
			continue
		}
		add := func(b *networkingv1.IngressBackend) {
			if b != nil && b.Service != nil {
				out[o.Key.Namespace+"/"+b.Service.Name+":"+b.Service.Port.Name] = true
			}
		}
		add(ingress.Spec.DefaultBackend)
		for _, rule := range ingress.Spec.Rules {
			if rule.HTTP != nil {
				for i := range rule.HTTP.Paths {
					add(&rule.HTTP.Paths[i].Backend)
				}
			}
		}
	}
	return out
})
