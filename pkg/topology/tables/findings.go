package tables

import (
	"slices"
	"strings"

	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/topology"
)

// Found is a finding with the nodes that it concerns, none for one that concerns the mesh as a whole.
type Found struct {
	topology.Finding
	Nodes []string
}

// Findings are all those of a graph, once each: those of its nodes in their order, then those of none.
func Findings(g topology.Graph) []Found {
	var out []Found
	index := map[topology.Finding]int{}
	add := func(f topology.Finding, nodes ...string) {
		i, known := index[f]
		if !known {
			i = len(out)
			index[f], out = i, append(out, Found{Finding: f})
		}
		out[i].Nodes = append(out[i].Nodes, nodes...)
	}
	for _, n := range g.Nodes {
		for _, f := range n.Findings {
			add(f, n.Qualified())
		}
	}
	for _, f := range g.Findings {
		add(f)
	}
	return out
}

// Introduced are the findings that a planned change brings about.
func Introduced(p *topology.Plan) []Found {
	out := make([]Found, len(p.Findings))
	for i, f := range p.Findings {
		out[i] = Found{Finding: f}
	}
	return out
}

// FindingColumns are those of findings; of the nodes, if any of them concerns one.
func FindingColumns(rows []Found) printer.Table[Found] {
	t := printer.Table[Found]{Columns: []printer.Column[Found]{
		{Name: "LEVEL", Value: func(f Found) string { return f.Level }, Level: func(f Found) printer.Level { return FindingLevel(f.Finding) }},
		{Name: "CODE", Value: func(f Found) string { return f.Code }},
	}}
	if slices.ContainsFunc(rows, func(f Found) bool { return len(f.Nodes) > 0 }) {
		t.Columns = append(t.Columns, printer.Column[Found]{Name: "NODES", Value: func(f Found) string { return strings.Join(f.Nodes, ", ") }})
	}
	t.Columns = append(t.Columns, printer.Column[Found]{Name: "MESSAGE", Value: func(f Found) string { return f.Message }})
	return t
}

// FindingLevel judges a finding.
func FindingLevel(f topology.Finding) printer.Level {
	switch f.Level {
	case "error":
		return printer.Bad
	case "warning":
		return printer.Warn
	}
	return printer.Plain
}
