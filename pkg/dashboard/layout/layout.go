// Package layout places the nodes of a directed graph in layers from left to right and routes its edges along rows and columns of cells: the
// method of Sugiyama, Tagawa and Toda (1981) in the order cycles, layers, order within layers, rows, columns, routes. A layout can continue a
// previous one, so that what stays keeps its place. docs/adr/0004-layout.md says why it is our own.
package layout

import "slices"

// Graph is what is to be laid out. IDs are unique; an edge whose ends are not among the nodes is left out.
type Graph struct {
	Nodes []Node
	Edges []Edge
}

// Node is a box of Width x Height cells.
type Node struct {
	ID string
	// Group names the frame that the node stands in; a node without one stands for itself.
	Group string
	// Stack names nodes of one group that stand directly upon each other, in the order of Graph.Nodes; empty means none.
	Stack         string
	Width, Height int
}

// Edge goes from one node to another, or to itself.
type Edge struct{ From, To string }

// Options are distances in cells. The zero value packs as tightly as possible.
type Options struct {
	// Gap is the number of rows between stacks, Overlap how many rows neighbours in a stack share: 1 for boxes with a common border.
	Gap, Overlap int
	// Lead is the number of columns between a layer and the vertical lines to its right, Channel that between these and the next layer.
	Lead, Channel int
	// Frame is the number of columns between the outside of a frame around each group, with a title above, and what is in it; 0 means no frames.
	Frame int
}

// Point is a cell. Coordinates grow to the right and downwards, and may be negative: what is placed later may be left of what was first.
type Point struct{ X, Y int }

// Rect is W x H cells from X, Y on.
type Rect struct{ X, Y, W, H int }

// Contains reports whether the rectangle has the cell.
func (r Rect) Contains(p Point) bool {
	return p.X >= r.X && p.X < r.X+r.W && p.Y >= r.Y && p.Y < r.Y+r.H
}

// Union is the smallest rectangle around both; an empty one adds nothing.
func (r Rect) Union(o Rect) Rect {
	if r.W <= 0 || r.H <= 0 {
		return o
	}
	if o.W <= 0 || o.H <= 0 {
		return r
	}
	x, y := min(r.X, o.X), min(r.Y, o.Y)
	return Rect{x, y, max(r.X+r.W, o.X+o.W) - x, max(r.Y+r.H, o.Y+o.H) - y}
}

// Placed is a node and its place.
type Placed struct {
	Node
	Rect  Rect
	Layer int
}

// Frame is the place of a group.
type Frame struct {
	Group string
	Rect  Rect
}

// Route is the way of an edge in horizontal and vertical lines, from the cell next to its source's box to the cell next to its target's. An
// edge of a node to itself has no points. Edges of one source share lines as long as they can.
type Route struct {
	From, To string
	Points   []Point
}

// Layout is where everything is. It is not changed once it is made.
type Layout struct {
	Bounds Rect
	Nodes  []Placed // in the order of the graph
	Frames []Frame  // ordered by group
	Routes []Route  // ordered by From and To, one for each pair

	graph   Graph
	options Options
	index   map[string]int
	layers  map[int]column
	lines   map[line]int
}

// line is where the edges of a node cross a layer; Layout.lines knows its row.
type line struct {
	root  string
	back  bool
	layer int
}

// column is where the nodes of a layer are, and how many vertical lines there is room for to the right of it.
type column struct{ x, width, tracks int }

// Node returns the place of a node.
func (l *Layout) Node(id string) (Placed, bool) {
	i, ok := l.index[id]
	if !ok {
		return Placed{}, false
	}
	return l.Nodes[i], true
}

// Compute lays out a graph. With a previous layout, what is in both keeps its layer, its order and, unless something new needs the place, its
// position; the same graph again returns the previous layout itself. A previous layout that has become much worse than a new one would be,
// with most edges going backwards, is not continued.
func Compute(g Graph, o Options, previous *Layout) *Layout {
	g = tidy(g)
	if previous != nil {
		if previous.options != o {
			previous = nil
		} else if slices.Equal(previous.graph.Nodes, g.Nodes) && slices.Equal(previous.graph.Edges, g.Edges) {
			return previous
		}
	}
	p := newPlan(g, o, previous)
	p.assignLayers()
	p.makeItems()
	p.assignRows()
	p.assignColumns()
	return p.result()
}

// tidy copies the graph without what cannot be placed: edges of unknown nodes, repetitions, boxes without cells.
func tidy(g Graph) Graph {
	known := make(map[string]bool, len(g.Nodes))
	out := Graph{Nodes: make([]Node, 0, len(g.Nodes)), Edges: make([]Edge, 0, len(g.Edges))}
	for _, n := range g.Nodes {
		if known[n.ID] {
			continue
		}
		known[n.ID] = true
		n.Width, n.Height = max(n.Width, 1), max(n.Height, 1)
		out.Nodes = append(out.Nodes, n)
	}
	for _, e := range g.Edges {
		if known[e.From] && known[e.To] {
			out.Edges = append(out.Edges, e)
		}
	}
	slices.SortFunc(out.Edges, Edge.compare)
	out.Edges = slices.Compact(out.Edges)
	return out
}
