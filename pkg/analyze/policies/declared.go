package policies

import (
	"fmt"
	"strings"

	security "istio.io/api/security/v1beta1"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/authz/rules"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// policy looks at the callers that an ALLOW policy names: those whose workloads all are without a proxy call in plaintext.
func (c *callerCheck) policy(pol *policy) {
	spec, _ := pol.object.Spec.(*security.AuthorizationPolicy)
	var target *analyze.Workload
	for i, rule := range spec.GetRules() {
		for j, from := range rule.GetFrom() {
			at := fmt.Sprintf("%s.from[%d].source.", ruleField(i), j)
			for field, list := range map[string][]string{"principals": from.GetSource().GetPrincipals(), "namespaces": from.GetSource().GetNamespaces()} {
				for k, caller := range list {
					outside := c.outside(pol, caller)
					if outside == nil {
						continue
					}
					if target == nil {
						if target = c.refusing(pol); target == nil {
							return
						}
					}
					c.declared(pol, fmt.Sprintf("%s%s[%d]", at, field, k), caller, outside, target)
				}
			}
		}
	}
}

func (c *callerCheck) declared(pol *policy, field, caller string, outside, target *analyze.Workload) {
	c.Report(analyze.Finding{
		Code: codes.PlaintextCallers, Object: pol.object, Field: field,
		Message: fmt.Sprintf("%s is allowed to call, but no workload of it has a sidecar (%s has none), and %s takes mutual TLS only: its calls are refused",
			caller, outside.Object.Key, target.Object.Key),
		Fix:     "let sidecars be injected at the caller, or make the port PERMISSIVE and allow it by its addresses",
		Related: []analyze.Related{{Object: outside.Object.Key, Position: outside.Object.Position(), Message: "the caller, without a sidecar"}},
	})
}

// outside returns a workload that calls by a principal or from a namespace when all such are known and none has a proxy.
func (c *callerCheck) outside(pol *policy, caller string) *analyze.Workload {
	key := caller
	if strings.Contains(caller, "*") {
		return nil
	}
	if parts := strings.Split(caller, "/"); len(parts) > 1 {
		namespace, known := rules.PrincipalNamespace(caller)
		if domain := parts[0]; !known || domain != c.Config().TrustDomain && domain != "cluster.local" {
			return nil
		}
		key = namespace + "/" + parts[4]
	}
	found := c.accounts[key]
	if found == nil || found.meshed {
		return nil
	}
	if !c.Knows(config.Namespace) { // whether it is injected is not known
		c.Open(codes.PlaintextCallers, pol.object, "Namespace "+found.first.Namespace, config.Namespace)
		return nil
	}
	return found.first
}

// refusing returns a workload that a policy holds for and that takes mutual TLS only, at all ports.
func (c *callerCheck) refusing(pol *policy) *analyze.Workload {
	for _, w := range holdsFor(c.Pass, pol.object) {
		if w.Gateway || targeted(pol.object) {
			continue
		}
		if authn := c.Inbound(w).PeerAuthn; authn.Mode == mesh.Strict && len(authn.Ports) == 0 {
			return w
		}
	}
	return nil
}
