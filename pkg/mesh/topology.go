package mesh

import (
	"slices"
	"strings"

	networking "istio.io/api/networking/v1alpha3"
)

// The labels that failoverPriority reads from where a workload runs and not from its labels, as Istio documents
// (LocalityLoadBalancerSetting.failoverPriority).
const (
	labelCluster  = "topology.istio.io/cluster"
	labelRegion   = "topology.kubernetes.io/region"
	labelZone     = "topology.kubernetes.io/zone"
	labelHostname = "kubernetes.io/hostname"
)

// Topology returns the endpoint's value of a label, as failoverPriority compares it.
func (e *Endpoint) Topology(label string) string {
	return topology(label, e.Cluster, e.Locality, e.Network, e.Node, e.Labels)
}

// Topology returns a proxy's value of a label, as failoverPriority compares it.
func (s *Snapshot) Topology(p Proxy, label string) string {
	return s.topology(p, label)
}

func (t *tables) topology(p Proxy, label string) string {
	node := ""
	if i := t.instance(p); i != nil && label == labelHostname {
		node = i.Node
	}
	return topology(label, t.options.ClusterID, p.Locality, p.Network, node, p.Labels)
}

func topology(label, cluster, locality, network, node string, labels map[string]string) string {
	if v, ok := labels[label]; ok {
		return v
	}
	var place [3]string
	copy(place[:], strings.SplitN(locality, "/", 3))
	switch label {
	case labelNetwork:
		return network
	case labelCluster:
		return cluster
	case labelRegion:
		return place[0]
	case labelZone:
		return place[1]
	case labelSubzone:
		return place[2]
	case labelHostname:
		return node
	}
	return ""
}

// comparedLabels are the labels by which a rule's failoverPriority compares endpoints with clients: those without a value.
func comparedLabels(rule *networking.DestinationRule) []string {
	var out []string
	add := func(lb *networking.LoadBalancerSettings) {
		out = append(out, ComparedLabels(lb.GetLocalityLbSetting().GetFailoverPriority())...)
		out = append(out, ComparedLabels(lb.GetZoneAwareLbSetting().GetFailoverPriority())...)
	}
	policy := func(t *networking.TrafficPolicy) {
		add(t.GetLoadBalancer())
		for _, p := range t.GetPortLevelSettings() {
			add(p.GetLoadBalancer())
		}
	}
	policy(rule.GetTrafficPolicy())
	for _, s := range rule.GetSubsets() {
		policy(s.GetTrafficPolicy())
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// ComparedLabels are the entries of a failoverPriority that have no value of their own.
func ComparedLabels(priority []string) []string {
	var out []string
	for _, l := range priority {
		if l != "" && !strings.Contains(l, "=") {
			out = append(out, l)
		}
	}
	return out
}

// valuesOf lists a proxy's values of labels.
func (t *tables) valuesOf(p Proxy, labels []string) []string {
	var out []string
	for _, l := range labels {
		out = append(out, t.topology(p, l))
	}
	return out
}
