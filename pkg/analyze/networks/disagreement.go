package networks

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	security "istio.io/api/security/v1beta1"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/authz/rules"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/mesh"
)

func disagreement() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "networkpolicy-authorization",
		Doc:   "callers that an AuthorizationPolicy admits and that no NetworkPolicy lets through",
		Codes: []codes.Code{codes.PoliciesDisagree},
		Kinds: kinds(analyze.InboundKinds()...),
		Run: func(p *analyze.Pass) {
			if len(p.All(config.AuthzPolicy)) == 0 {
				return
			}
			d := &disagreements{Pass: p, told: map[string]bool{}, ends: map[string]end{}}
			for _, s := range subjects.Of(p) {
				if s.workload == nil || !s.isolated(ingress) {
					continue
				}
				if meshed, _ := inMesh(p, s); !meshed {
					continue
				}
				in := p.Inbound(s.workload)
				if len(in.Ports) == 0 || s.closed(in.Ports) != nil { // there is nothing to call, or nobody may
					continue
				}
				for _, o := range in.AuthzPolicies {
					if spec, ok := o.Spec.(*security.AuthorizationPolicy); ok && spec.GetAction() == rules.Allow && !o.Key.Derived() {
						d.compare(s, in, o, spec)
					}
				}
			}
		},
	}
}

// disagreements collects callers that are let in by one policy and not by the other.
type disagreements struct {
	*analyze.Pass
	told map[string]bool
	ends map[string]end
}

func (d *disagreements) compare(s *subject, in *mesh.Workload, o *config.Object, spec *security.AuthorizationPolicy) {
	for i, rule := range spec.GetRules() {
		for j, from := range rule.GetFrom() {
			at := fmt.Sprintf("spec.rules[%d].from[%d].source.", i, j)
			for k, namespace := range from.GetSource().GetNamespaces() {
				d.caller(s, in, o, fmt.Sprintf("%snamespaces[%d]", at, k), namespace, "")
			}
			for k, principal := range from.GetSource().GetPrincipals() {
				if namespace, known := rules.PrincipalNamespace(principal); known {
					d.caller(s, in, o, fmt.Sprintf("%sprincipals[%d]", at, k), namespace, principal[strings.LastIndexByte(principal, '/')+1:])
				}
			}
		}
	}
}

// caller looks whether the workloads of a namespace, or those with a service account, get through to a port. They must be known: who
// they are decides.
func (d *disagreements) caller(s *subject, in *mesh.Workload, o *config.Object, field, namespace, account string) {
	if strings.Contains(namespace+account, "*") || d.told[o.Key.String()+field] {
		return
	}
	from := d.end(namespace, account)
	if len(from.pods) == 0 {
		return
	}
	for _, port := range in.Ports {
		if number := int32(port.Target); s.passes(ingress, func(r rule) bool {
			return r.at(corev1.ProtocolTCP, number, portNames(s.containers(), number)) && r.to(from)
		}) {
			return
		}
	}
	d.told[o.Key.String()+field] = true
	culprit := s.culprit(ingress).object
	d.Report(analyze.Finding{
		Code: codes.PoliciesDisagree, Object: o, Field: field,
		Message: fmt.Sprintf("the policy admits %s, but the NetworkPolicies let none of its pods reach %s: its calls time out", from.name(account), s.workload.Object.Key),
		Fix:     fmt.Sprintf("admit the namespace %s in an ingress rule of the NetworkPolicy, or take it out here", namespace),
		Related: []analyze.Related{{Object: culprit.Key, Position: culprit.Position(), Message: "the NetworkPolicy"}},
	})
}

func (e end) name(account string) string {
	if account == "" {
		return "the namespace " + e.namespace
	}
	return "the service account " + account + " of the namespace " + e.namespace
}

func (d *disagreements) end(namespace, account string) end {
	key := namespace + "/" + account
	if e, ok := d.ends[key]; ok {
		return e
	}
	e := newEnd(d.Pass, namespace)
	for _, w := range pods(d.Pass, namespace) {
		if account == "" || w.ServiceAccount == account {
			e.pods = append(e.pods, w)
		}
	}
	d.ends[key] = e
	return e
}
