package ui

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/pkg/topology/tables"
)

// filter shows what an expression or a part of a name matches. Given again, it hides the rest of a picture instead of dimming it.
func (m Model) filter(text string) (tea.Model, tea.Cmd) {
	return m.edit(func(p *page) {
		p.hide = text != "" && text == p.filter && !p.hide
		p.filter, p.index, p.top = text, 0, 0
	}).arrange(), nil
}

// sieve tells what a filter lets through.
type sieve struct{ text string }

func (m Model) filtered(p page) sieve { return sieve{strings.ToLower(p.filter)} }

func (s sieve) node(n topology.Node) bool {
	return strings.Contains(strings.ToLower(qualified(n)+" "+n.Service+" "+n.Version), s.text)
}

func (s sieve) edge(e tables.Edge) bool { return s.node(e.Source) || s.node(e.Destination) }

// only is a graph without what the filter does not match: nodes, and edges that lack an end.
func (s sieve) only(g topology.Graph) topology.Graph {
	keep := map[string]bool{}
	nodes := g.Nodes
	g.Nodes = nil
	for _, n := range nodes {
		if s.node(n) {
			keep[n.ID] = true
			g.Nodes = append(g.Nodes, n)
		}
	}
	g.Edges = slices.DeleteFunc(slices.Clone(g.Edges), func(e topology.Edge) bool { return !keep[e.From] || !keep[e.To] })
	return g
}
