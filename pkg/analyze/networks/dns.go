package networks

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

// dnsPorts are those of name servers, as services and as pods of the usual distributions have them.
var dnsPorts = [...]int32{53, 5353, 1053, 8053}

func nameServers() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "networkpolicy-dns",
		Doc:   "NetworkPolicies that leave pods no way to a name server",
		Codes: []codes.Code{codes.BlocksDNS},
		Kinds: kinds(),
		Run: func(p *analyze.Pass) {
			servers := newEnd(p, "kube-system")
			servers.hint = "dns"
			g := newGroup(p, codes.BlocksDNS, egress)
			for _, s := range subjects.Of(p) {
				if s.workload != nil && s.workload.Pod.Spec.DNSPolicy == corev1.DNSNone {
					continue
				}
				if !s.passes(egress, func(r rule) bool { return dns(r, servers) }) {
					g.add(s, "cannot resolve names: no egress rule leads to a name server (port 53, UDP)")
				}
			}
			g.report()
		},
	}
}

func dns(r rule, servers end) bool {
	if r.names(corev1.ProtocolUDP, dnsPorts[:]...) {
		return true
	}
	for _, port := range dnsPorts {
		if r.at(corev1.ProtocolUDP, port, nil) && r.to(servers) {
			return true
		}
	}
	return false
}
