package mesh

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/meshctl/meshctl/internal/digest"
	"github.com/meshctl/meshctl/pkg/config"
)

// annotationExportTo limits which namespaces see a Kubernetes Service (Istio, networking.istio.io/exportTo).
const annotationExportTo = "networking.istio.io/exportTo"

// parseService resolves a Kubernetes Service.
func (t *update) parseService(o *config.Object) (*definition, []config.Problem) {
	in, ok := o.Spec.(*corev1.Service)
	if !ok {
		return nil, nil
	}
	var exportTo []string
	if list := o.Meta.Annotations[annotationExportTo]; list != "" {
		for to := range strings.SplitSeq(list, ",") {
			exportTo = append(exportTo, strings.TrimSpace(to))
		}
	}
	s := &Service{
		Host:       t.kubernetesHost(nsName{o.Key.Namespace, o.Key.Name}).host,
		Namespace:  o.Key.Namespace,
		Name:       o.Key.Name,
		Headless:   in.Spec.ClusterIP == corev1.ClusterIPNone,
		Visibility: visibility(exportTo, t.config.Mesh.DefaultServiceExportTo, o.Key.Namespace),
		Created:    o.Meta.Created,
		From:       o.Key,
	}
	var problems []config.Problem
	s.Ports, problems = servicePorts(o, in.Spec.Ports)
	d := &definition{
		Object: o, Services: []*Service{s}, NotReady: in.Spec.PublishNotReadyAddresses,
		IPv6: len(in.Spec.IPFamilies) > 0 && in.Spec.IPFamilies[0] == corev1.IPv6Protocol,
	}
	switch {
	case in.Spec.Type == corev1.ServiceTypeExternalName:
		s.Resolution, s.External, s.Headless = DNS, true, false
		d.External = strings.ToLower(strings.TrimSuffix(in.Spec.ExternalName, "."))
		if d.External == "" {
			return nil, append(problems, invalid(o, config.Error, "spec.externalName", "a Service of type ExternalName needs a name", "set spec.externalName"))
		}
	case s.Headless:
		s.Resolution = headlessResolution(s.Ports)
	default:
		s.Addresses = clusterIPs(in)
	}
	if len(in.Spec.Selector) > 0 && d.External == "" {
		d.Selector = in.Spec.Selector
	}
	s.Digest = digest.Of(*s)
	return d, problems
}

// headlessResolution: requests of a headless Service are balanced like any other's; connections go to the very
// address that the client chose.
func headlessResolution(ports []Port) Resolution {
	for _, p := range ports {
		if p.Protocol.IsHTTP() {
			return Static
		}
	}
	return Passthrough
}

func clusterIPs(in *corev1.Service) []string {
	list := in.Spec.ClusterIPs
	if len(list) == 0 {
		list = []string{in.Spec.ClusterIP}
	}
	return without(list, func(ip string) bool { return !isIP(ip) })
}

func servicePorts(o *config.Object, in []corev1.ServicePort) ([]Port, []config.Problem) {
	var out []Port
	var problems []config.Problem
	for i, p := range in {
		field := fmt.Sprintf("spec.ports[%d]", i)
		if p.Port < 1 || p.Port > 65535 {
			problems = append(problems, invalid(o, config.Warning, field+".port", fmt.Sprintf("port %d is not between 1 and 65535; the port is left out", p.Port), "use a valid port number"))
			continue
		}
		port := Port{Number: uint32(p.Port), Name: p.Name, TargetPort: uint32(p.Port), Protocol: ServicePortProtocol(p)}
		switch {
		case p.TargetPort.Type == intstr.String && p.TargetPort.StrVal != "":
			port.TargetName, port.TargetPort = p.TargetPort.StrVal, 0
		case p.TargetPort.IntVal > 0:
			port.TargetPort = uint32(p.TargetPort.IntVal)
		}
		if j := slices.IndexFunc(out, func(q Port) bool { return q.Number == port.Number }); j >= 0 {
			switch { // 53/TCP beside 53/UDP is usual, in either order; what is never proxied gives way
			case out[j].Protocol == UDP:
				out[j] = port
			case port.Protocol != UDP:
				problems = append(problems, invalid(o, config.Warning, field, fmt.Sprintf("port %d is already defined; this one is left out", port.Number), "give each port its own number"))
			}
			continue
		}
		out = append(out, port)
	}
	slices.SortFunc(out, func(a, b Port) int { return cmp.Compare(a.Number, b.Number) })
	return out, problems
}

// kubernetesHost names the service of a Kubernetes Service.
func (t *tables) kubernetesHost(svc nsName) hostKey {
	return hostKey{strings.ToLower(svc.name) + "." + svc.namespace + ".svc." + t.config.DomainSuffix, svc.namespace}
}
