package ui

import (
	"slices"
	"strconv"
	"strings"

	"github.com/meshctl/meshctl/pkg/dashboard/draw"
	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/pkg/topology/filter"
	"github.com/meshctl/meshctl/pkg/topology/tables"
)

// page is one of those on top of each other: enter opens one, esc goes back.
type page struct {
	id   int
	view string
	// subject is the node or edge that the page is about.
	subject string
	// cursor is the id of the chosen row, index where it was: should the row go, its neighbour is chosen.
	cursor string
	index  int
	top    int // first row shown
	// sort is the name of a column; empty leaves the order as it is.
	sort    string
	reverse bool
	filter  string
	expr    filter.Expr
	hide    bool // what does not match the filter; else it is only dimmed
	text    string
	bad     bool // of edges only those that fail, are not encrypted or not in sync
	tapped  tapped
	end     func() // of a tap
	left    int    // first column shown, of a text
	drawing drawing
}

func (m Model) top() page { return m.pages[len(m.pages)-1] }

// edit changes the page on top.
func (m Model) edit(change func(*page)) Model {
	m.pages = slices.Clone(m.pages)
	change(&m.pages[len(m.pages)-1])
	return m
}

// push opens a page.
func (m Model) push(p page) Model {
	m.issued++
	p.id = m.issued
	m.pages = append(slices.Clone(m.pages), p)
	return m
}

// pop goes back; the first page stays.
func (m Model) pop() Model {
	if len(m.pages) > 1 {
		if p := m.top(); p.end != nil {
			p.end()
		}
		m.pages = slices.Clone(m.pages[:len(m.pages)-1])
	}
	return m.arrange()
}

func newPage(view string) page {
	return page{view: view, drawing: drawing{options: draw.Options{Labels: draw.RateLabels}}}
}

// show replaces all pages by one of a view.
func (m Model) show(view string) Model {
	for len(m.pages) > 1 {
		m = m.pop()
	}
	if m.top().view == view {
		return m
	}
	m.pages = nil
	return m.push(newPage(view)).arrange()
}

func (m Model) node(id string) (topology.Node, bool) {
	if i := slices.IndexFunc(m.graph.Nodes, func(n topology.Node) bool { return n.ID == id }); i >= 0 {
		return m.graph.Nodes[i], true
	}
	return topology.Node{}, false
}

// edge is one of the graph, or of what the picture makes of it.
func (m Model) edge(id string) (tables.Edge, bool) {
	if !strings.Contains(id, edgeSign) {
		return tables.Edge{}, false // of a node
	}
	for _, g := range []topology.Graph{m.graph, m.arranged.graph} {
		for _, e := range tables.Edges(g) {
			if edgeID(e.Edge) == id {
				return e, true
			}
		}
	}
	return tables.Edge{}, false
}

// edgeSign is in the ids of edges only.
const edgeSign = " > "

// edgeID is the same in every picture.
func edgeID(e topology.Edge) string {
	return e.From + edgeSign + e.To + " " + string(e.Protocol) + " " + strconv.Itoa(int(e.Port))
}

// breadcrumb is how a page is called in the line that leads to it.
func (m Model) breadcrumb(p page) string {
	if n, ok := m.drawn(p.subject); ok && p.view == tapView {
		return p.view + " " + n.Qualified()
	}
	if p.subject == "" || p.view == findingView {
		return p.view
	}
	if n, ok := m.node(p.subject); ok {
		return p.view + " " + n.Qualified()
	}
	if e, ok := m.edge(p.subject); ok {
		return e.Source.Qualified() + " > " + e.Destination.Qualified()
	}
	return p.view + " " + p.subject
}
