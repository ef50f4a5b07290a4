package mesh

import (
	"fmt"

	meshconfig "istio.io/api/mesh/v1alpha1"
	security "istio.io/api/security/v1beta1"

	"github.com/meshctl/meshctl/pkg/authz/rules"
	"github.com/meshctl/meshctl/pkg/config"
)

// checkAuthz reports what Istio refuses of an AuthorizationPolicy, and what its author may not mean.
func checkAuthz(o *config.Object) []config.Problem {
	spec, ok := o.Spec.(*security.AuthorizationPolicy)
	if !ok {
		return nil
	}
	_, faults := rules.Parse(spec, o.Key.Namespace, o.Meta.Annotations)
	return faultProblems(o, "", faults)
}

// checkProviders reports what is wrong with the providers that CUSTOM policies may name.
func checkProviders(o *config.Object, given *meshconfig.MeshConfig) []config.Problem {
	var out []config.Problem
	seen := map[string]bool{}
	for i, p := range given.GetExtensionProviders() {
		at := fmt.Sprintf("data[mesh].extensionProviders[%d].", i)
		out = append(out, faultProblems(o, at, rules.CheckProvider(p))...)
		if name := p.GetName(); name != "" && seen[name] {
			out = append(out, faultProblems(o, at, []rules.Fault{{
				Field: "name", Message: "another provider is named " + name + ": policies can use neither", Fix: "give each provider its own name",
			}})...)
		}
		seen[p.GetName()] = true
	}
	return out
}

func faultProblems(o *config.Object, at string, faults []rules.Fault) []config.Problem {
	c := &checker{object: o}
	for _, f := range faults {
		if f.Warning {
			c.question(at+f.Field, f.Message, f.Fix)
		} else {
			c.fail(at+f.Field, f.Message, f.Fix)
		}
	}
	return c.schema()
}
