package networks

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/mesh"
)

func isolation() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "networkpolicy-mesh",
		Doc:   "NetworkPolicies that let no workload of the mesh reach another",
		Codes: []codes.Code{codes.BlocksMesh},
		Kinds: kinds(analyze.InboundKinds()...),
		Run: func(p *analyze.Pass) {
			system := p.Config().SystemNamespace
			g := newGroup(p, codes.BlocksMesh, ingress)
			for _, s := range subjects.Of(p) {
				if !s.isolated(ingress) || s.namespace == system {
					continue
				}
				var ports []mesh.WorkloadPort
				if s.workload != nil {
					ports = p.Inbound(s.workload).Ports
				}
				called := len(ports) > 0 || s.workload == nil && s.policies[0].selector.Empty()
				if called && s.alone(system) {
					g.add(s, "take part in no traffic between workloads: neither an ingress nor an egress rule has other workloads than those of "+system+" at its end")
					continue
				}
				if meshed, _ := inMesh(p, s); !meshed || len(ports) == 0 {
					continue
				}
				if port := s.closed(ports); port != nil {
					g.add(s, "cannot be called: no ingress rule admits anybody to the port of "+port.Service.Host)
				}
			}
			g.report()
		},
	}
}

// alone reports whether the pods neither call nor are called by others than those of the system namespace, name servers apart.
func (s *subject) alone(system string) bool {
	return s.isolated(egress) && !s.passes(ingress, func(r rule) bool { return r.beyond(system) }) &&
		!s.passes(egress, func(r rule) bool {
			return r.beyond(system) && !r.only(corev1.ProtocolUDP) && !r.onlyPorts(append(dnsPorts[:], xdsPort))
		})
}

// beyond reports whether a rule may have other peers than the system namespaces: the mesh's and Kubernetes' own.
func (r rule) beyond(system string) bool {
	return len(r.peers) == 0 || slices.ContainsFunc(r.peers, func(x peer) bool {
		switch {
		case x.block != nil:
			return local(x.block)
		case x.namespaces == nil:
			return true
		}
		requirements, _ := x.namespaces.Requirements()
		for _, namespace := range [...]string{system, "kube-system"} {
			e := end{namespace: namespace}
			named := slices.ContainsFunc(requirements, func(q labels.Requirement) bool { return slices.Equal(q.ValuesUnsorted(), []string{namespace}) })
			if named && e.inNamespaces(x.namespaces) {
				return false
			}
		}
		return true
	})
}

func (r rule) only(protocol corev1.Protocol) bool {
	return len(r.ports) > 0 && !slices.ContainsFunc(r.ports, func(p networkingv1.NetworkPolicyPort) bool { return transport(p) != protocol })
}

func (r rule) onlyPorts(list []int32) bool {
	return len(r.ports) > 0 && !slices.ContainsFunc(r.ports, func(p networkingv1.NetworkPolicyPort) bool {
		return p.Port == nil || p.EndPort != nil || !slices.Contains(list, p.Port.IntVal)
	})
}

// closed returns one of the ports when no rule admits anybody to any of them.
func (s *subject) closed(ports []mesh.WorkloadPort) *mesh.WorkloadPort {
	for _, port := range ports {
		number := int32(port.Target)
		if port.Service == nil || s.passes(ingress, func(r rule) bool { return r.at(corev1.ProtocolTCP, number, portNames(s.containers(), number)) }) {
			return nil
		}
	}
	return &ports[0]
}
