package translate

import (
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"

	"github.com/meshctl/meshctl/pkg/mesh"
)

// tiers is how many ranks the place of an endpoint can have, see distance.
const tiers = 5

// rank says how far down an endpoint stands for these clients: by failoverPriority first, then by where it is.
func (in AssignmentInput) rank(e *mesh.Endpoint) uint32 {
	b := in.Balance
	if b == nil || len(b.Distribute) > 0 {
		return 0
	}
	rank := b.mismatches(e, in.Client.Topology) * tiers
	if (b.Localities || b.Regions) && in.Client.Locality != "" {
		client := locality(in.Client.Locality)
		far := distance(client, locality(e.Locality), b.Failover[client.GetRegion()])
		if b.Regions && far < 3 { // zones are Envoy's own business
			far = 0
		}
		rank += far
	}
	return rank
}

// mismatches counts the labels from the first on that the endpoint does not share: a later one does not count when an earlier one differs.
func (b *Balance) mismatches(e *mesh.Endpoint, client []string) uint32 {
	for i, l := range b.Priority {
		label, want, given := strings.Cut(l, "=")
		if l == "" {
			continue
		}
		if !given {
			if len(client) == 0 {
				return uint32(len(b.Priority) - i)
			}
			want, client = client[0], client[1:]
		}
		if want != e.Topology(label) {
			return uint32(len(b.Priority) - i)
		}
	}
	return 0
}

// distance prefers the client's own subzone, then zone, then region, then the region that the rule names, then the rest.
func distance(client, l *corev3.Locality, next string) uint32 {
	switch {
	case client.GetRegion() != l.GetRegion():
		if next != "" && next != l.GetRegion() {
			return 4
		}
		return 3
	case client.GetZone() != l.GetZone():
		return 2
	case client.GetSubZone() != l.GetSubZone():
		return 1
	}
	return 0
}

// closeGaps numbers priorities from 0 on: Envoy refuses gaps.
func closeGaps(groups []*endpointv3.LocalityLbEndpoints) {
	var used []uint32
	for _, g := range groups {
		used = append(used, g.Priority)
	}
	slices.Sort(used)
	used = slices.Compact(used)
	for _, g := range groups {
		at, _ := slices.BinarySearch(used, g.Priority)
		g.Priority = uint32(at)
	}
}
