package topology

import (
	"math"
	"slices"
)

// Clean takes out of a graph the numbers that cannot be (negative, infinite, none at all): a graph may come from a file or from a proxy that was
// made to lie. They become absent, and JSON has all that are left. Names are left as they are: whoever shows them escapes them.
func (g Graph) Clean() Graph {
	g.Window = max(g.Window, 0)
	g.Nodes, g.Edges = slices.Clone(g.Nodes), slices.Clone(g.Edges)
	for i := range g.Nodes {
		g.Nodes[i].In, g.Nodes[i].Out = g.Nodes[i].In.clean(), g.Nodes[i].Out.clean()
	}
	for i := range g.Edges {
		e := &g.Edges[i]
		e.Rates = e.Rates.clean()
		if s := e.Split; s != nil && !(s.Configured >= 0 && s.Configured <= 1 && s.Observed >= 0 && s.Observed <= 1) {
			e.Split = nil
		}
		if c := e.Change; c != nil && (c.Before != nil && !shown(c.Before) || c.After != nil && !shown(c.After)) {
			e.Change = nil
		}
	}
	return g
}

func (r Rates) clean() Rates {
	for _, v := range []**float64{&r.Requests, &r.Errors, &r.P50, &r.P95, &r.P99, &r.Sent, &r.Received, &r.Connections, &r.Opened, &r.Retries, &r.Ejections} {
		if !shown(*v) {
			*v = nil
		}
	}
	return r
}

// shown reports whether a number can be.
func shown(v *float64) bool { return v != nil && *v >= 0 && !math.IsInf(*v, 0) && *v < 1<<62 }
