package ui

import (
	tea "charm.land/bubbletea/v2"

	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/pkg/topology/filter"
	"github.com/meshctl/meshctl/pkg/topology/tables"
)

// filter shows what an expression matches. Given again, it hides the rest of a picture instead of dimming it.
func (m Model) filter(text string) (tea.Model, tea.Cmd) {
	e, err := filter.Parse(text)
	if err != nil {
		return m, complain(err.Error())
	}
	return m.edit(func(p *page) {
		p.hide = text != "" && text == p.filter && !p.hide
		p.filter, p.expr, p.index, p.top = text, e, 0, 0
	}).arrange(), nil
}

// sieve tells what a page's filter lets through.
type sieve struct{ found filter.Found }

func (m Model) filtered(p page) sieve { return sieve{p.expr.Find(m.graph)} }

func (s sieve) node(n topology.Node) bool { return s.found.Nodes[n.ID] }

// edges are those that a page's filter lets through.
func (m Model) edges(p page) []tables.Edge {
	g := m.graph
	if !p.expr.Empty() {
		g = p.expr.Keep(g)
	}
	return tables.Edges(g)
}
