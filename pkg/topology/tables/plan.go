package tables

import (
	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/topology"
)

// Changed are the edges to which a planned change would do something.
func Changed(g topology.Graph) []Edge {
	var out []Edge
	for _, e := range Edges(g) {
		if e.Planned != topology.Unchanged {
			out = append(out, e)
		}
	}
	return out
}

// Changes are what a planned change would do to edges.
func Changes() printer.Table[Edge] {
	share := func(e Edge, get func(*topology.Change) *float64) string {
		if e.Change == nil || get(e.Change) == nil {
			return topology.Absent
		}
		return topology.Percent(*get(e.Change))
	}
	level := func(e Edge) printer.Level {
		return map[topology.Planned]printer.Level{topology.Added: printer.Good, topology.Removed: printer.Bad, topology.Reweighted: printer.Warn}[e.Planned]
	}
	return printer.Table[Edge]{Columns: []printer.Column[Edge]{
		{Name: "PLAN", Value: func(e Edge) string { return string(e.Planned) }, Level: level},
		{Name: "SOURCE", Value: func(e Edge) string { return e.Source.Qualified() }},
		{Name: "DESTINATION", Value: func(e Edge) string { return e.Destination.Qualified() }},
		{Name: "TODAY", Value: func(e Edge) string { return share(e, func(c *topology.Change) *float64 { return c.Before }) }},
		{Name: "PLANNED", Value: func(e Edge) string { return share(e, func(c *topology.Change) *float64 { return c.After }) }},
		{Name: "OF", Value: func(e Edge) string {
			if e.Change != nil && e.Change.Some {
				return "some requests"
			}
			return "all requests"
		}},
		{Name: "BY", Value: func(e Edge) string {
			if e.Change == nil {
				return ""
			}
			return e.Change.Origin
		}},
	}}
}
