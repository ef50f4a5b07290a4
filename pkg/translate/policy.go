package translate

import (
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
	selected bool // the rule has a workloadSelector
}

// policyFor returns the policy in force. A subset's policy overrides the rule's field by field; settings for a port replace
// the settings of their level and the ones above altogether, as the API reference says of portLevelSettings.
func policyFor(rule *mesh.DestinationRule, port uint32, subset string) trafficPolicy {
	if rule == nil {
		return trafficPolicy{}
	}
	p, _ := levelPolicy(rule.Spec.GetTrafficPolicy(), port)
	if s := findSubset(rule, subset); s.GetTrafficPolicy() != nil {
		over, whole := levelPolicy(s.GetTrafficPolicy(), port)
		if !whole {
			over.pool, over.lb, over.outlier = first(over.pool, p.pool), first(over.lb, p.lb), first(over.outlier, p.outlier)
			over.tls = first(over.tls, p.tls)
		}
		over.proxy = first(over.proxy, p.proxy)
		p = over
	}
	p.selected = rule.Spec.GetWorkloadSelector() != nil
	return p
}

// levelPolicy returns what one level says about a port, and whether it does so in portLevelSettings.
func levelPolicy(t *networking.TrafficPolicy, port uint32) (policy trafficPolicy, whole bool) {
	for _, s := range t.GetPortLevelSettings() {
		if s.GetPort().GetNumber() == port {
			return trafficPolicy{pool: s.ConnectionPool, lb: s.LoadBalancer, outlier: s.OutlierDetection, tls: s.Tls, proxy: t.GetProxyProtocol()}, true
		}
	}
	return trafficPolicy{
		pool: t.GetConnectionPool(), lb: t.GetLoadBalancer(), outlier: t.GetOutlierDetection(), tls: t.GetTls(), proxy: t.GetProxyProtocol(),
	}, false
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

func first[T any](a, b *T) *T {
	if a != nil {
		return a
	}
	return b
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
