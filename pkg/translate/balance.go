package translate

import (
	"cmp"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/mesh"
)

// Balance says which endpoints clients prefer by where both are: a localityLbSetting or a zoneAwareLbSetting, of the rule or of the
// mesh.
type Balance struct {
	Distribute []*networking.LocalityLoadBalancerSetting_Distribute
	// Failover leads from region to region.
	Failover map[string]string
	// Priority are labels, or label=value.
	Priority []string
	// Localities prefers the client's locality where Priority does not decide; Regions no more than its region.
	Localities, Regions bool
}

// Client is where clients are, as far as the choice of endpoints depends on it.
type Client struct {
	Locality string // "region/zone/subzone"
	// Topology are their values of the labels that Balance.Priority compares, in its order.
	Topology []string
}

// ClientOf returns what the endpoints of a cluster depend on of their clients; topology gives their value of a label. It is the zero
// Client where they depend on nothing.
func ClientOf(c ClusterInput, locality string, topology func(label string) string) Client {
	b := balanceOf(c.policy(), c.Config)
	if b == nil {
		return Client{}
	}
	out := Client{}
	if len(b.Distribute) > 0 || b.Localities || b.Regions {
		out.Locality = locality
	}
	for _, l := range mesh.ComparedLabels(b.Priority) {
		out.Topology = append(out.Topology, topology(l))
	}
	return out
}

// balanceOf returns nil where the place of an endpoint does not matter. What fails over needs outlierDetection, without which Istio's
// locality failover does nothing.
func balanceOf(policy trafficPolicy, config *mesh.Config) *Balance {
	if zone := policy.lb.GetZoneAwareLbSetting(); zone != nil && policy.lb.GetLocalityLbSetting() == nil {
		if enabled := zone.GetEnabled(); enabled != nil && !enabled.GetValue() {
			return nil
		}
		out := &Balance{Priority: zone.GetFailoverPriority(), Regions: true, Failover: map[string]string{}}
		for _, f := range zone.GetFailover() {
			out.Failover[f.GetFrom()] = f.GetTo()
		}
		return out
	}
	s := localitySetting(policy, config)
	switch {
	case s == nil:
		return nil
	case len(s.GetDistribute()) > 0:
		return &Balance{Distribute: s.GetDistribute()}
	case policy.outlier == nil:
		return nil
	}
	out := &Balance{Priority: s.GetFailoverPriority(), Failover: map[string]string{}}
	for _, f := range s.GetFailover() {
		out.Failover[f.GetFrom()] = f.GetTo()
	}
	out.Localities = len(out.Priority) == 0 || len(out.Failover) > 0
	return out
}

// localitySetting is the rule's localityLbSetting or else the mesh's; nil when it is switched off or there is none.
func localitySetting(policy trafficPolicy, config *mesh.Config) *networking.LocalityLoadBalancerSetting {
	s := cmp.Or(policy.lb.GetLocalityLbSetting(), config.Mesh.GetLocalityLbSetting())
	if s == nil || s.GetEnabled() != nil && !s.GetEnabled().GetValue() {
		return nil
	}
	return s
}
