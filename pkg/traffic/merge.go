package traffic

import (
	"maps"
	"slices"
	"strings"

	"github.com/meshctl/meshctl/pkg/topology"
)

// Merge makes one round of those of several control planes of one mesh: each knows all workloads, but only its own proxies.
func Merge(rounds []Round) Round {
	if len(rounds) == 1 {
		return rounds[0]
	}
	out := Round{Places: map[string]string{}, Splits: map[string]Share{}, Marks: map[string][]topology.Badge{}}
	nodes := map[string]topology.Node{}
	for _, r := range rounds {
		for _, n := range r.Nodes {
			if n.Kind == topology.Gateway { // only the control plane of a gateway's proxy knows that it is one
				nodes[n.ID] = topology.Node{}
			}
		}
	}
	name := func(id string) string {
		if rest, ok := strings.CutPrefix(id, string(topology.Workload)+"/"); ok {
			if gateway := string(topology.Gateway) + "/" + rest; hasKey(nodes, gateway) {
				return gateway
			}
		}
		return id
	}
	for _, r := range rounds {
		if r.Time.After(out.Time) {
			out.Time = r.Time
		}
		out.Proxies = append(out.Proxies, r.Proxies...)
		for _, n := range r.Nodes {
			n.ID = name(n.ID)
			nodes[n.ID] = union(nodes[n.ID], n)
		}
		for address, id := range r.Places {
			out.Places[address] = name(id)
		}
		maps.Copy(out.Splits, r.Splits)
		maps.Copy(out.Marks, r.Marks)
	}
	for _, id := range slices.Sorted(maps.Keys(nodes)) {
		out.Nodes = append(out.Nodes, nodes[id])
	}
	return out
}

func hasKey[V any](m map[string]V, key string) bool {
	_, ok := m[key]
	return ok
}

// union is a node as two control planes know it.
func union(a, b topology.Node) topology.Node {
	if a.ID == "" {
		if strings.HasPrefix(b.ID, string(topology.Gateway)) {
			b.Kind = topology.Gateway
		}
		return b
	}
	a.Instances = max(a.Instances, b.Instances)
	a.Proxies += b.Proxies
	a.Stale += b.Stale
	a.Rejected += b.Rejected
	return a
}
