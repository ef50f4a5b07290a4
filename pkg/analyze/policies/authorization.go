package policies

import (
	"fmt"

	security "istio.io/api/security/v1beta1"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/authz/rules"
	"github.com/meshctl/meshctl/pkg/config"
)

// policy is an AuthorizationPolicy that is enforced.
type policy struct {
	rules.Policy
	object *config.Object
}

// authorization is the fact of all AuthorizationPolicies that are enforced, in the order of their keys.
var authorization = analyze.NewFact(func(p *analyze.Pass) []*policy {
	var out []*policy
	for _, o := range p.All(config.AuthzPolicy) {
		spec, ok := o.Spec.(*security.AuthorizationPolicy)
		if !ok || o.Key.Derived() {
			continue
		}
		parsed, _ := rules.Parse(spec, o.Key.Namespace, o.Meta.Annotations)
		if !parsed.DryRun {
			out = append(out, &policy{parsed, o})
		}
	}
	return out
})

func ruleField(i int) string { return fmt.Sprintf("spec.rules[%d]", i) }
