package traffic

import (
	"cmp"
	"maps"
	"slices"

	"github.com/meshctl/meshctl/pkg/topology"
)

// Merge makes one report of those of several replicas of a control plane, each of which has the proxies that are connected with it. There must be
// one at least. The time is the latest.
func Merge(reports []Report) Report {
	if len(reports) == 1 {
		return reports[0]
	}
	out := Report{Addresses: map[string]Address{}}
	nodes, known := map[string]topology.Node{}, map[string]int{} // places among out.Proxies
	for _, r := range reports {
		if r.Time.After(out.Time) {
			out.Time = r.Time
		}
		for _, p := range r.Proxies {
			i, twice := known[p.ID]
			switch {
			case !twice:
				known[p.ID] = len(out.Proxies)
				out.Proxies = append(out.Proxies, p)
			case p.Sample.Time.After(out.Proxies[i].Sample.Time):
				out.Proxies[i] = p // it has changed from one replica to another
			}
		}
		for at, a := range r.Addresses {
			if before, ok := out.Addresses[at]; !ok || before.Proxy == "" {
				out.Addresses[at] = a // a replica knows of its own proxies
			}
		}
		for _, n := range r.Nodes {
			if before, ok := nodes[n.ID]; ok {
				before.Instances = max(before.Instances, n.Instances)
				before.Proxies = min(before.Proxies+n.Proxies, before.Instances)
				before.Stale, before.Rejected = before.Stale+n.Stale, before.Rejected+n.Rejected
				n = before
			}
			nodes[n.ID] = n
		}
	}
	for _, r := range reports {
		for _, s := range r.Silent {
			if _, heard := known[s.Proxy]; !heard { // it may be connected with another replica
				known[s.Proxy] = -1
				out.Silent = append(out.Silent, s)
			}
		}
	}
	out.Nodes = slices.SortedFunc(maps.Values(nodes), func(a, b topology.Node) int { return cmp.Compare(a.ID, b.ID) })
	return out
}
