// Package judged puts what analysis finds onto the nodes of a graph that it concerns: an object's finding belongs to the workloads that the
// object is about.
package judged

import (
	"cmp"
	"slices"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/dashboard/planned"
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/topology"
)

// Findings are the diagnostics of one analysis with the places that they concern. They may be laid over any number of graphs, from any goroutine.
type Findings struct {
	list   []topology.Finding // the worst first
	spaces []string           // of the objects; empty for those of none
	at     map[place][]int    // indices of list
	// gateways are the findings of Gateways with their selectors: for gateways of which no object is known.
	gateways []selected
}

type selected struct {
	labels  map[string]string
	finding int
}

// New finds out whom diagnostics of a mesh concern.
func New(s *mesh.Snapshot, diagnostics []analyze.Diagnostic) *Findings {
	sorted := slices.Clone(diagnostics)
	slices.SortStableFunc(sorted, func(a, b analyze.Diagnostic) int { return Compare(Short(a), Short(b)) })
	f, x := &Findings{at: map[place][]int{}}, newIndex(s)
	concerned := map[config.Key]map[place]bool{}
	for i, d := range sorted {
		f.list, f.spaces = append(f.list, Short(d)), append(f.spaces, d.Object.Namespace)
		if concerned[d.Object] == nil {
			concerned[d.Object] = x.concerned(d.Object)
		}
		for p := range concerned[d.Object] {
			f.at[p] = append(f.at[p], i)
		}
		if labels := x.gatewaySelector(d.Object); len(labels) > 0 {
			f.gateways = append(f.gateways, selected{labels, i})
		}
	}
	return f
}

// of are the indices of the findings of a node, ascending.
func (f *Findings) of(n topology.Node) []int {
	out := f.at[placeOf(n)]
	if n.Kind != topology.Gateway {
		return out
	}
	out = slices.Clone(out)
	for _, g := range f.gateways {
		if !slices.Contains(out, g.finding) && mesh.Selects(g.labels, planned.GatewayLabels(n.Name)) {
			out = append(out, g.finding)
		}
	}
	slices.Sort(out)
	return out
}

// Short is a diagnostic as graphs have it: its message begins with its place, if that is known.
func Short(d analyze.Diagnostic) topology.Finding {
	f := topology.Finding{Code: string(d.Code), Level: d.Level.String(), Message: d.Message}
	if d.Position != (config.Position{}) {
		f.Message = d.Position.String() + ": " + f.Message
	}
	return f
}

// Compare orders findings: the worst first, then by code.
func Compare(a, b topology.Finding) int {
	rank := map[string]int{"error": 0, "warning": 1, "info": 2}
	return cmp.Or(cmp.Compare(rank[a.Level], rank[b.Level]), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Message, b.Message))
}

// Over returns the graph with the findings on its nodes, and in Graph.Findings those of none of them: of a graph of one namespace, only those of
// its objects and of what has no namespace. What a node has already, because its control plane reports it, stays once.
func (f *Findings) Over(g topology.Graph, namespace string) topology.Graph {
	if f == nil || len(f.list) == 0 {
		return g
	}
	g.Nodes, g.Findings = slices.Clone(g.Nodes), slices.Clone(g.Findings)
	shown := make([]bool, len(f.list))
	for i := range g.Nodes {
		n := &g.Nodes[i]
		var own []topology.Finding
		for _, j := range f.of(*n) {
			own, shown[j] = append(own, f.list[j]), true
		}
		n.Findings = united(own, n.Findings)
	}
	for j, finding := range f.list {
		elsewhere := namespace != "" && f.spaces[j] != "" && f.spaces[j] != namespace
		if !shown[j] && !elsewhere && !slices.Contains(g.Findings, finding) {
			g.Findings = append(g.Findings, finding)
		}
	}
	return g
}

// united adds to findings those of the control plane that have another code: it words and places the same ones in its own way.
func united(own, reported []topology.Finding) []topology.Finding {
	if len(own) == 0 {
		return reported
	}
	out := slices.Clone(own)
	for _, r := range reported {
		if !slices.ContainsFunc(own, func(f topology.Finding) bool { return f.Code == r.Code }) {
			out = append(out, r)
		}
	}
	slices.SortStableFunc(out, Compare)
	return out
}
