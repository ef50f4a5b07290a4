// Package filter reads and applies expressions that find or hide parts of a topology:
//
//	err > 5%            rt > 500            !mtls            ns = prod
//	name ~ rev          rps < 1 OR idle     NOT (ns = prod AND kind = gateway)
//
// An expression is about nodes and edges at once. A term that a node or an edge has no answer to (an edge has no version, an unmeasured number
// is neither large nor small) makes it neither true nor false; only what is true matches. Of an edge, terms about nodes ask both ends.
package filter

import (
	"github.com/meshctl/meshctl/pkg/topology"
)

// Expr is an expression. The zero value matches everything.
type Expr struct {
	root term
	text string
}

// String is the expression as it was written.
func (e Expr) String() string { return e.text }

// Empty reports whether the expression is without any condition.
func (e Expr) Empty() bool { return e.root == nil }

// truth is one of yes, no, unknown.
type truth int8

const (
	unknown truth = iota
	no
	yes
)

func is(b bool) truth {
	if b {
		return yes
	}
	return no
}

// subject is what an expression is asked about: a node, or an edge with its ends.
type subject struct {
	node     *topology.Node
	edge     *topology.Edge
	from, to *topology.Node
}

type term interface{ ask(s subject) truth }

type (
	both   struct{ a, b term }
	either struct{ a, b term }
	not    struct{ a term }
)

func (t both) ask(s subject) truth {
	a, b := t.a.ask(s), t.b.ask(s)
	switch {
	case a == no || b == no:
		return no
	case a == unknown || b == unknown:
		return unknown
	}
	return yes
}

func (t either) ask(s subject) truth {
	a, b := t.a.ask(s), t.b.ask(s)
	switch {
	case a == yes || b == yes:
		return yes
	case a == unknown || b == unknown:
		return unknown
	}
	return no
}

func (t not) ask(s subject) truth {
	switch t.a.ask(s) {
	case yes:
		return no
	case no:
		return yes
	}
	return unknown
}

// Node reports whether a node matches.
func (e Expr) Node(n topology.Node) bool {
	return e.root == nil || e.root.ask(subject{node: &n}) == yes
}

// Edge reports whether an edge matches; from and to are its ends.
func (e Expr) Edge(edge topology.Edge, from, to topology.Node) bool {
	return e.root == nil || e.root.ask(subject{edge: &edge, from: &from, to: &to}) == yes
}

// Found is what an expression has found: IDs of nodes, and edges by their place in the graph. Ends are the nodes at the edges' ends.
type Found struct {
	Nodes map[string]bool
	Ends  map[string]bool
	Edges map[int]bool
}

// Find returns what matches.
func (e Expr) Find(g topology.Graph) Found {
	out := Found{map[string]bool{}, map[string]bool{}, map[int]bool{}}
	nodes := make(map[string]topology.Node, len(g.Nodes))
	for _, n := range g.Nodes {
		nodes[n.ID] = n
		if e.Node(n) {
			out.Nodes[n.ID] = true
		}
	}
	for i, edge := range g.Edges {
		if e.Edge(edge, nodes[edge.From], nodes[edge.To]) {
			out.Edges[i] = true
			out.Ends[edge.From], out.Ends[edge.To] = true, true
		}
	}
	return out
}

// Keep returns the part of a graph that matches: nodes, edges and their ends, and the edges between nodes that match.
func (e Expr) Keep(g topology.Graph) topology.Graph {
	if e.Empty() {
		return g
	}
	found := e.Find(g)
	return part(g, func(n topology.Node) bool { return found.Nodes[n.ID] || found.Ends[n.ID] }, func(i int) bool {
		return found.Edges[i] || found.Nodes[g.Edges[i].From] && found.Nodes[g.Edges[i].To]
	})
}

// Hide returns a graph without what matches: nodes with their edges, and edges.
func (e Expr) Hide(g topology.Graph) topology.Graph {
	if e.Empty() {
		return g
	}
	found := e.Find(g)
	return part(g, func(n topology.Node) bool { return !found.Nodes[n.ID] }, func(i int) bool {
		return !found.Edges[i] && !found.Nodes[g.Edges[i].From] && !found.Nodes[g.Edges[i].To]
	})
}

func part(g topology.Graph, node func(topology.Node) bool, edge func(int) bool) topology.Graph {
	out := g
	out.Nodes, out.Edges = nil, nil
	for _, n := range g.Nodes {
		if node(n) {
			out.Nodes = append(out.Nodes, n)
		}
	}
	for i, e := range g.Edges {
		if edge(i) {
			out.Edges = append(out.Edges, e)
		}
	}
	return out
}
