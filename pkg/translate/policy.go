package translate

import (
	"cmp"
	"fmt"
	"slices"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/mesh"
)

// trafficPolicy is what a DestinationRule says about one port of one subset.
type trafficPolicy struct {
	pool     *networking.ConnectionPoolSettings
	lb       *networking.LoadBalancerSettings
	outlier  *networking.OutlierDetection
	tls      *networking.ClientTLSSettings
	proxy    *networking.TrafficPolicy_ProxyProtocol
	tunnel   *networking.TrafficPolicy_TunnelSettings
	budget   *networking.TrafficPolicy_RetryBudget
	selected bool // the rule has a workloadSelector
	program  bool // of connections with the proxy's own program, for which nothing mesh-wide holds
	// lbField and tlsField are the paths of lb and tls in the rule.
	lbField, tlsField string
}

// policyFor returns the policy in force. A subset's policy overrides the rule's field by field; settings for a port replace
// the settings of their level and the ones above altogether, as the API reference says of portLevelSettings.
func policyFor(rule *mesh.DestinationRule, port uint32, subset string) trafficPolicy {
	if rule == nil {
		return trafficPolicy{}
	}
	p, _ := levelPolicy(rule.Spec.GetTrafficPolicy(), "spec.trafficPolicy", port)
	if i := slices.IndexFunc(rule.Spec.GetSubsets(), func(s *networking.Subset) bool { return subset != "" && s.GetName() == subset }); i >= 0 {
		if t := rule.Spec.GetSubsets()[i].GetTrafficPolicy(); t != nil {
			over, whole := levelPolicy(t, fmt.Sprintf("spec.subsets[%d].trafficPolicy", i), port)
			p = over.over(p, whole)
		}
	}
	p.selected = rule.Spec.GetWorkloadSelector() != nil
	return p
}

// baseline puts MeshConfig's defaultTrafficPolicy below a rule's: each of its two parts counts where the rule has none.
func (p trafficPolicy) baseline(c *mesh.Config) trafficPolicy {
	below := c.Mesh.GetDefaultTrafficPolicy()
	p.pool, p.outlier = cmp.Or(p.pool, below.GetConnectionPool()), cmp.Or(p.outlier, below.GetOutlierDetection())
	return p
}

// over lays a policy over a lower one; whole says that it replaces all that a port's settings can say.
func (p trafficPolicy) over(below trafficPolicy, whole bool) trafficPolicy {
	if !whole {
		if p.lb == nil {
			p.lb, p.lbField = below.lb, below.lbField
		}
		if p.tls == nil {
			p.tls, p.tlsField = below.tls, below.tlsField
		}
		p.pool, p.outlier = cmp.Or(p.pool, below.pool), cmp.Or(p.outlier, below.outlier)
	}
	p.proxy, p.tunnel, p.budget = cmp.Or(p.proxy, below.proxy), cmp.Or(p.tunnel, below.tunnel), cmp.Or(p.budget, below.budget)
	return p
}

// levelPolicy returns what one level, at a path, says about a port, and whether it does so in portLevelSettings.
func levelPolicy(t *networking.TrafficPolicy, path string, port uint32) (policy trafficPolicy, whole bool) {
	policy = trafficPolicy{
		pool: t.GetConnectionPool(), lb: t.GetLoadBalancer(), outlier: t.GetOutlierDetection(), tls: t.GetTls(),
		proxy: t.GetProxyProtocol(), tunnel: t.GetTunnel(), budget: t.GetRetryBudget(),
	}
	for i, s := range t.GetPortLevelSettings() {
		if s.GetPort().GetNumber() == port {
			policy.pool, policy.lb, policy.outlier, policy.tls = s.ConnectionPool, s.LoadBalancer, s.OutlierDetection, s.Tls
			path, whole = field(path+".portLevelSettings", i), true
			break
		}
	}
	if policy.lb != nil {
		policy.lbField = path + ".loadBalancer"
	}
	if policy.tls != nil {
		policy.tlsField = path + ".tls"
	}
	return policy, whole
}

func findSubset(rule *mesh.DestinationRule, name string) *networking.Subset {
	if rule == nil || name == "" {
		return nil
	}
	for _, s := range rule.Spec.GetSubsets() {
		if s.GetName() == name {
			return s
		}
	}
	return nil
}

// subsetNames lists the subsets of a rule in its own order.
func subsetNames(rule *mesh.DestinationRule) []string {
	if rule == nil {
		return nil
	}
	out := make([]string, 0, len(rule.Spec.GetSubsets()))
	for _, s := range rule.Spec.GetSubsets() {
		out = append(out, s.GetName())
	}
	return out
}

// SubsetLabels returns the labels that select the endpoints of a subset; nil, which selects all, for the service as a whole.
func SubsetLabels(rule *mesh.DestinationRule, subset string) map[string]string {
	return findSubset(rule, subset).GetLabels()
}

// ClientTLS returns the TLS settings in force for a port of a service, or of a subset of it, and their path within the rule; nil where
// it has none.
func ClientTLS(rule *mesh.DestinationRule, port uint32, subset string) (tls *networking.ClientTLSSettings, field string) {
	p := policyFor(rule, port, subset)
	return p.tls, p.tlsField
}
