package traffic

import (
	"slices"
	"strings"

	"github.com/meshctl/meshctl/pkg/topology"
)

// shares compares what routes say with what happens: of all that a node sends to a host, which part goes where.
func (b *builder) shares() {
	type asked struct{ from, host string }
	sums := map[asked]float64{}
	for _, e := range b.edges {
		sums[asked{e.From, e.Host}] += value(e.Rates.Requests)
	}
	for i, e := range b.edges {
		share, ok := b.configured(b.h.gauges[b.keys[i]].clusters)
		if sum := sums[asked{e.From, e.Host}]; ok && sum > 0 {
			b.edges[i].Split = &topology.Split{Configured: share.Of, Observed: value(e.Rates.Requests) / sum, Origin: share.Origin}
		}
	}
}

// configured is what routes give to the clusters of an edge.
func (b *builder) configured(clusters []string) (whole Share, ok bool) {
	slices.Sort(clusters)
	for _, c := range slices.Compact(clusters) {
		if s, found := b.h.round.Splits[c]; found {
			whole.Of, whole.Origin, ok = whole.Of+s.Of, s.Origin, true
		}
	}
	return whole, ok
}

func value(v *float64) float64 {
	if v == nil {
		return 0
	}
	return *v
}

// faulty is the host of which configuration makes requests fail; only is false when there are several or none.
func (h *History) faulty() (host string, only bool) {
	for name, marks := range h.round.Marks {
		if slices.Contains(marks, topology.Fault) {
			if host != "" {
				return "", false
			}
			host = name
		}
	}
	return host, host != ""
}

// serviceID is the node of a host of which no endpoint has got anything.
func serviceID(host string) string {
	name, rest, _ := strings.Cut(host, ".")
	namespace, _, _ := strings.Cut(rest, ".")
	return string(topology.Service) + "/" + namespace + "/" + name
}
