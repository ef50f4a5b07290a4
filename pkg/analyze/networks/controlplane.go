package networks

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/inject"
)

// xdsPort is where proxies get certificates and configuration.
const xdsPort = 15012

func controlPlane() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "networkpolicy-xds",
		Doc:   "NetworkPolicies that leave proxies no way to the control plane",
		Codes: []codes.Code{codes.BlocksControlPlane},
		Kinds: kinds(config.ConfigMap),
		Run: func(p *analyze.Pass) {
			system := newEnd(p, p.Config().SystemNamespace)
			g := newGroup(p, codes.BlocksControlPlane, egress)
			for _, s := range subjects.Of(p) {
				if s.passes(egress, func(r rule) bool {
					return r.names(corev1.ProtocolTCP, xdsPort) || r.at(corev1.ProtocolTCP, xdsPort, nil) && r.to(system)
				}) {
					continue
				}
				switch meshed, known := inMesh(p, s); {
				case meshed && known:
					g.add(s, fmt.Sprintf("cannot reach the control plane: no egress rule leads to port %d of the namespace %s; their proxies get no configuration", xdsPort, system.namespace))
				case !known:
					p.Open(codes.BlocksControlPlane, s.policies[0].object, "whether the pods have proxies: Namespace "+s.namespace, config.Namespace)
				}
			}
			g.report()
		},
	}
}

// inMesh reports whether the pods have proxies.
func inMesh(p *analyze.Pass, s *subject) (meshed, known bool) {
	if s.workload != nil && s.workload.Meshed {
		return true, true
	}
	if !p.Knows(config.Namespace) {
		return false, false
	}
	candidate := inject.Candidate{NamespaceLabels: p.Mesh().NamespaceLabels(s.namespace)}
	if s.workload != nil {
		candidate.Labels, candidate.Annotations = s.workload.Labels, s.workload.Annotations
	}
	return inject.Decide(candidate, analyze.Injectors(p)[inject.ConfigMapName].Policy), true
}
