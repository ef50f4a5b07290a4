package translate

import (
	"slices"
	"strings"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/mesh"
)

// Destination is what routes need to know of a host that they lead to.
type Destination struct {
	Host string
	// Ports of the service that clients may use.
	Ports []uint32
	// External is set for hosts outside the mesh.
	External bool
	// Rule is set only where requests to the host are balanced by a hash.
	Rule *mesh.DestinationRule
}

// Destinations describes the hosts that the VirtualServices name, and the service itself, sorted by host. lookup returns the service
// that a host is in the clients' scope, nil when there is none.
func Destinations(virtual []*mesh.VirtualService, own *mesh.ScopedService, lookup func(host string) *mesh.ScopedService) []Destination {
	var out []Destination
	seen := map[string]bool{}
	add := func(s *mesh.ScopedService) {
		if s == nil || seen[s.Host] {
			return
		}
		seen[s.Host] = true
		d := Destination{Host: s.Host, External: s.External}
		for _, p := range s.Ports {
			d.Ports = append(d.Ports, p.Number)
		}
		if hashes(s.Rule) {
			d.Rule = s.Rule
		}
		out = append(out, d)
	}
	add(own)
	for _, vs := range virtual {
		for _, host := range DestinationHosts(vs) {
			if !seen[host] {
				add(lookup(host))
			}
		}
	}
	slices.SortFunc(out, func(a, b Destination) int { return strings.Compare(a.Host, b.Host) })
	return out
}

// DestinationHosts lists the hosts that a VirtualService's rules lead to, sorted.
func DestinationHosts(vs *mesh.VirtualService) []string {
	var out []string
	add := func(d *networking.Destination) {
		if d.GetHost() != "" {
			out = append(out, d.GetHost())
		}
	}
	for _, r := range vs.Spec.GetHttp() {
		for _, d := range r.GetRoute() {
			add(d.GetDestination())
		}
		add(r.GetMirror())
		for _, m := range r.GetMirrors() {
			add(m.GetDestination())
		}
	}
	for _, r := range vs.Spec.GetTcp() {
		for _, d := range r.GetRoute() {
			add(d.GetDestination())
		}
	}
	for _, r := range vs.Spec.GetTls() {
		for _, d := range r.GetRoute() {
			add(d.GetDestination())
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// hashes reports whether any part of the rule balances by a hash.
func hashes(rule *mesh.DestinationRule) bool {
	if rule == nil {
		return false
	}
	if policyHashes(rule.Spec.GetTrafficPolicy()) {
		return true
	}
	return slices.ContainsFunc(rule.Spec.GetSubsets(), func(s *networking.Subset) bool { return policyHashes(s.GetTrafficPolicy()) })
}

func policyHashes(t *networking.TrafficPolicy) bool {
	return t.GetLoadBalancer().GetConsistentHash() != nil || slices.ContainsFunc(t.GetPortLevelSettings(),
		func(p *networking.TrafficPolicy_PortTrafficPolicy) bool {
			return p.GetLoadBalancer().GetConsistentHash() != nil
		})
}

// targets resolves destinations to clusters for clients that address one port.
type targets struct {
	known []Destination
	port  uint32 // being addressed
	// lookup is set only where connections are routed: it returns the service that a host is, nil when there is none.
	lookup func(host string) *mesh.ScopedService
	// lost: where a connection was going is not known, as at gateways and to explicit sidecars.
	lost bool
}

func (t targets) find(host string) *Destination {
	i, ok := slices.BinarySearchFunc(t.known, host, func(d Destination, h string) int { return strings.Compare(d.Host, h) })
	if !ok {
		return nil
	}
	return &t.known[i]
}

// portOf is the destination's port: the one it names, or the only one of its service, or the one being addressed.
func (t targets) portOf(d *networking.Destination) uint32 {
	if n := d.GetPort().GetNumber(); n != 0 {
		return n
	}
	if k := t.find(d.GetHost()); k != nil && len(k.Ports) == 1 {
		return k.Ports[0]
	}
	return t.port
}

// private are headers that are not for a destination outside the mesh.
func (t targets) private(host string) []string {
	if d := t.find(host); d != nil && d.External {
		return []string{peerHeader}
	}
	return nil
}

// cluster is the name of the destination's cluster. It may name one that does not exist: Envoy then answers 503.
func (t targets) cluster(d *networking.Destination) string {
	return ClusterName(d.GetHost(), t.portOf(d), d.GetSubset())
}

// resolves returns the port at which the name that a TLS client asks for (SNI) is looked up, 0 where the destination has endpoints.
func (t targets) resolves(d *networking.Destination) uint32 {
	if s := t.lookup(d.GetHost()); s != nil && (s.Resolution == mesh.DynamicDNS || t.lost && forwarded(s.Service)) {
		return t.portOf(d)
	}
	return 0
}
