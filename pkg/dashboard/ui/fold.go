package ui

import (
	"strconv"

	tea "charm.land/bubbletea/v2"

	"github.com/meshctl/meshctl/pkg/topology"
)

// fold makes what is chosen in the picture a part of its service, or of its namespace.
func (m Model) fold() (Model, tea.Cmd) {
	n, ok := m.drawn(m.chosen())
	if !ok || m.top().view != topologyView {
		return m, complain("choose something in the topology first")
	}
	folds, id, ok := m.top().drawing.folds.Fold(n)
	if !ok {
		return m, complain(n.Qualified() + " is a part of nothing larger")
	}
	return m.refold(folds, id), nil
}

// unfold shows the parts of what is chosen.
func (m Model) unfold() (Model, tea.Cmd) {
	n, ok := m.drawn(m.chosen())
	if !ok || m.top().view != topologyView {
		return m, complain("choose something in the topology first")
	}
	folds, ok := m.top().drawing.folds.Unfold(n)
	if !ok {
		return m, complain(n.Qualified() + " has no parts")
	}
	m = m.refold(folds, "")
	for _, part := range m.arranged.graph.Nodes { // the first of the parts
		if part.Namespace == n.Name && n.Kind == topology.NamespaceKind || part.Namespace == n.Namespace && part.Service == n.Service && n.Kind != topology.NamespaceKind {
			return m.edit(func(p *page) { p.cursor = part.ID }), nil
		}
	}
	return m, nil
}

// foldNamespace makes one node of a namespace.
func (m Model) foldNamespace(name string) Model {
	return m.refold(m.top().drawing.folds.FoldNamespace(name), string(topology.NamespaceKind)+"/"+name)
}

func (m Model) refold(folds topology.Folds, cursor string) Model {
	return m.edit(func(p *page) { p.drawing.folds, p.cursor = folds, cursor }).arrange()
}

// drawn is a node as the picture shows it: it may stand for several of the graph.
func (m Model) drawn(id string) (topology.Node, bool) {
	for _, n := range m.arranged.graph.Nodes {
		if n.ID == id {
			return n, true
		}
	}
	return topology.Node{}, false
}

// openFolded lists the workloads that a node of the picture stands for.
func openFolded(m Model, n topology.Node) (Model, tea.Cmd) {
	p := newPage(workloadsView)
	p.subject = n.ID
	of := "service = " + strconv.Quote(n.Service) + " AND ns = " + strconv.Quote(n.Namespace)
	if n.Kind == topology.NamespaceKind {
		of = "ns = " + strconv.Quote(n.Name)
	}
	next, cmd := m.push(p).filter(of)
	return next.(Model), cmd //nolint:forcetypeassert // it is always one
}
