package layout

import (
	"cmp"
	"slices"
	"strings"
)

// plan is a layout in the making. Everything is referred to by its index.
type plan struct {
	graph    Graph
	options  Options
	previous *Layout

	index    map[string]int // of nodes, by ID
	nodes    []node
	units    []unit
	blocks   []*block
	edges    [][2]int // between nodes
	items    []item
	nets     []*net
	last     int // the highest layer
	columns  map[int]column
	channels map[int][]*segment
}

type node struct {
	Node
	unit int
	y    int // rows below the top of its unit
}

// unit is a stack of nodes: what layers and orders are made of.
type unit struct {
	nodes         []int
	block         int
	width, height int
	layer         int
	kept          bool // it was in the previous layout, at wasY in its layer
	wasY          int
	next, before  []int // units that it calls and that call it, once each
}

// block is the units of a group: they stay together.
type block struct {
	group string
	units []int
	kept  bool
	// columns are its items by layer, from top to bottom.
	columns map[int][]int
	first   int // layer
	last    int
}

func (e Edge) compare(o Edge) int {
	return cmp.Or(strings.Compare(e.From, o.From), strings.Compare(e.To, o.To))
}

func newPlan(g Graph, o Options, previous *Layout) *plan {
	p := &plan{graph: g, options: o, previous: previous, index: make(map[string]int, len(g.Nodes)), columns: map[int]column{}}
	for i, n := range g.Nodes {
		p.index[n.ID] = i
		p.nodes = append(p.nodes, node{Node: n})
	}
	p.makeUnits()
	seen := make(map[[2]int]bool, len(g.Edges))
	for _, e := range g.Edges {
		from, to := p.index[e.From], p.index[e.To]
		p.edges = append(p.edges, [2]int{from, to})
		a, b := p.nodes[from].unit, p.nodes[to].unit
		if a != b && !seen[[2]int{a, b}] {
			seen[[2]int{a, b}] = true
			p.units[a].next = append(p.units[a].next, b)
			p.units[b].before = append(p.units[b].before, a)
		}
	}
	return p
}

func (p *plan) makeUnits() {
	stacks, groups := map[[2]string]int{}, map[string]int{}
	for i, n := range p.nodes {
		key := [2]string{n.Group, n.Stack}
		at, ok := stacks[key]
		if !ok || n.Stack == "" {
			at = len(p.units)
			stacks[key] = at
			p.units = append(p.units, unit{block: p.blockOf(groups, n.Group)})
			p.blocks[p.units[at].block].units = append(p.blocks[p.units[at].block].units, at)
		}
		u := &p.units[at]
		if len(u.nodes) > 0 {
			u.height -= min(p.options.Overlap, n.Height-1)
		}
		p.nodes[i].unit, p.nodes[i].y = at, u.height
		u.nodes = append(u.nodes, i)
		u.height += n.Height
		u.width = max(u.width, n.Width)
	}
	if p.previous != nil {
		p.keep()
	}
}

func (p *plan) blockOf(groups map[string]int, group string) int {
	at, ok := groups[group]
	if !ok || group == "" {
		at = len(p.blocks)
		groups[group] = at
		p.blocks = append(p.blocks, &block{group: group})
	}
	return at
}

// keep finds out where units were: where the first of their nodes was that still exists.
func (p *plan) keep() {
	for i := range p.units {
		u := &p.units[i]
		for _, n := range u.nodes {
			was, ok := p.previous.Node(p.nodes[n].ID)
			if ok && was.Group == p.nodes[n].Group && was.Stack == p.nodes[n].Stack {
				u.kept, u.layer, u.wasY = true, was.Layer, was.Rect.Y-p.nodes[n].y
				p.blocks[u.block].kept = true
				break
			}
		}
	}
}

// rows returns where edges leave and enter a box: forward ones in one row, those that go back in another if it has one.
func (n node) rows() (forward, back int) {
	switch {
	case n.Height < 3:
		return n.y, n.y
	case n.Height == 3:
		return n.y + 1, n.y + 1
	}
	return n.y + 1, n.y + 2
}

func (p *plan) result() *Layout {
	l := &Layout{graph: p.graph, options: p.options, index: p.index, layers: p.columns, Nodes: make([]Placed, len(p.nodes))}
	for i, n := range p.nodes {
		it := p.items[n.unit]
		c := p.columns[it.layer]
		l.Nodes[i] = Placed{Node: n.Node, Layer: it.layer, Rect: Rect{c.x, it.y + n.y, c.width, n.Height}}
		l.Bounds = l.Bounds.Union(l.Nodes[i].Rect)
	}
	for _, b := range p.blocks {
		if b.group == "" {
			continue
		}
		f := Frame{Group: b.group}
		for _, u := range b.units {
			for _, n := range p.units[u].nodes {
				f.Rect = f.Rect.Union(l.Nodes[n].Rect)
			}
		}
		if p.options.Frame > 0 {
			for layer := b.first; layer <= b.last; layer++ { // lines of others stay out of the frame, its own within
				for _, it := range b.columns[layer] {
					f.Rect = f.Rect.Union(Rect{f.Rect.X, p.items[it].y, 1, p.items[it].height})
				}
			}
			f.Rect = Rect{f.Rect.X - p.options.Frame, f.Rect.Y - 1, f.Rect.W + 2*p.options.Frame, f.Rect.H + 2}
		}
		l.Frames = append(l.Frames, f)
		l.Bounds = l.Bounds.Union(f.Rect)
	}
	slices.SortFunc(l.Frames, func(a, b Frame) int { return strings.Compare(a.Group, b.Group) })
	l.lines = map[line]int{}
	for _, it := range p.items[len(p.units):] {
		l.lines[p.line(it)] = it.y
	}
	l.Routes = p.routes()
	for _, r := range l.Routes {
		for _, at := range r.Points {
			l.Bounds = l.Bounds.Union(Rect{at.X, at.Y, 1, 1})
		}
	}
	return l
}
