package authz

import (
	"slices"
	"strings"

	meshconfig "istio.io/api/mesh/v1alpha1"
	security "istio.io/api/security/v1beta1"

	"github.com/meshctl/meshctl/pkg/authz/rules"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// Policies are those of one workload, read.
type Policies struct {
	// custom, deny, allow and audit are in force.
	custom, deny, allow, audit []*policy
	// trial are those with the annotation istio.io/dry-run.
	trial []*policy

	tokens        []tokenRule
	peers         mesh.PeerAuthn
	domains       []string // the trust domain of the mesh and its aliases
	providers     map[string]provider
	normalization meshconfig.MeshConfig_ProxyPathNormalization_NormalizationType
	// edge is a gateway: its clients are no members of the mesh.
	edge bool
}

// policy is one AuthorizationPolicy.
type policy struct {
	key      config.Key
	action   rules.Action
	provider string
	rules    []*rule
}

// Lookup returns the service of a host as the workload sees it, nil when it sees none.
type Lookup func(host string) *mesh.Service

// Compile reads the policies of a workload, or of a gateway. What cannot be read in them denies rather than allows. lookup finds the
// services of external authorizers; without one they are taken to exist.
func Compile(c *mesh.Config, w *mesh.Workload, proxy mesh.ProxyType, lookup Lookup) *Policies {
	p := &Policies{
		peers: w.PeerAuthn, edge: proxy == mesh.Router,
		domains:       append([]string{c.TrustDomain}, c.Mesh.GetTrustDomainAliases()...),
		normalization: c.Mesh.GetPathNormalization().GetNormalization(),
	}
	for _, o := range w.AuthzPolicies {
		if spec, ok := o.Spec.(*security.AuthorizationPolicy); ok {
			p.add(o, spec)
		}
	}
	p.findProviders(c, lookup)
	for _, o := range w.RequestAuthns {
		p.tokens = append(p.tokens, tokenRules(o)...)
	}
	// In the order in which the proxy tries them.
	slices.SortStableFunc(p.tokens, func(a, b tokenRule) int { return strings.Compare(a.GetIssuer(), b.GetIssuer()) })
	return p
}

func (p *Policies) add(o *config.Object, spec *security.AuthorizationPolicy) {
	parsed, faults := rules.Parse(spec, o.Key.Namespace, o.Meta.Annotations)
	one := &policy{key: o.Key, action: parsed.Action, provider: parsed.Provider}
	for i, r := range parsed.Rules {
		one.rules = append(one.rules, compiler{p.domains, faults}.rule(i, r, spec.GetRules()[i]))
	}
	if parsed.DryRun {
		p.trial = append(p.trial, one)
	} else {
		p.enforce(one)
	}
}

func (p *Policies) enforce(one *policy) {
	switch one.action {
	case rules.Custom:
		p.custom = append(p.custom, one)
	case rules.Deny:
		p.deny = append(p.deny, one)
	case rules.Audit:
		p.audit = append(p.audit, one)
	default:
		p.allow = append(p.allow, one)
	}
}

// enforced returns the policies with those in force that are only on trial.
func (p *Policies) enforced() *Policies {
	out := *p
	out.custom, out.deny, out.allow = slices.Clone(p.custom), slices.Clone(p.deny), slices.Clone(p.allow)
	out.audit, out.trial = slices.Clone(p.audit), nil
	for _, one := range p.trial {
		out.enforce(one)
	}
	return &out
}

// walk returns the rule of the policy that matches, else the one that misses the fewest conditions; ok is false for a policy without
// rules, which matches nothing.
func (p *policy) walk(f *facts) (best outcome, ok bool) {
	for i, r := range p.rules {
		o := r.walk(f, rules.Widens(p.action))
		if i == 0 || len(o.unmet) < len(best.unmet) {
			best = o
		}
		if best.matches() {
			break
		}
	}
	return best, len(p.rules) > 0
}
