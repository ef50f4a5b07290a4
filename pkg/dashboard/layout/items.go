package layout

import (
	"maps"
	"slices"
)

// item takes rows in a layer: a unit (items[i] is units[i]), or the line of a net that only passes.
type item struct {
	net         *net // of a line
	block       int
	layer       int
	y, height   int
	wanted      float64 // row
	left, right []link
}

// link says which row of another item, in the next layer, goes on in which row of this one.
type link struct{ other, there, here int }

// net is what shares lines: the edges from one node to the right, or those that go back to one node from the right.
type net struct {
	root  int // a node
	back  bool
	sinks map[int][]int // nodes by layer, all right of the root
	side  []int         // nodes in the layer of the root
	lines map[int]int   // items by layer
	end   int           // the last layer
	parts map[int]*segment
}

type netKey struct {
	root int
	back bool
}

func (p *plan) makeItems() {
	p.items = make([]item, len(p.units))
	for i, u := range p.units {
		p.items[i] = item{block: u.block, layer: u.layer, height: u.height, y: u.wasY}
		b := p.blocks[u.block]
		b.columns[u.layer] = append(b.columns[u.layer], i)
	}
	nets := map[netKey]*net{}
	for _, e := range p.edges {
		p.toNet(nets, e[0], e[1])
	}
	for _, n := range p.nets {
		p.makeLines(n)
	}
}

func (p *plan) layerOf(node int) int { return p.units[p.nodes[node].unit].layer }

// netOf says to which net an edge belongs, and at which node it ends there.
func (p *plan) netOf(from, to int) (key netKey, sink int) {
	if p.layerOf(from) > p.layerOf(to) {
		return netKey{to, true}, from
	}
	return netKey{from, false}, to
}

func (p *plan) toNet(nets map[netKey]*net, from, to int) {
	if from == to {
		return
	}
	key, sink := p.netOf(from, to)
	n := nets[key]
	if n == nil {
		n = &net{root: key.root, back: key.back, sinks: map[int][]int{}, lines: map[int]int{}, parts: map[int]*segment{}, end: p.layerOf(key.root)}
		nets[key] = n
		p.nets = append(p.nets, n)
	}
	layer := p.layerOf(sink)
	if layer == p.layerOf(key.root) {
		n.side = append(n.side, sink)
		return
	}
	n.sinks[layer] = append(n.sinks[layer], sink)
	n.end = max(n.end, layer)
}

// rootRow and sinkRow are the rows of a net's ends within their units.
func (p *plan) rootRow(n *net) int {
	forward, back := p.nodes[n.root].rows()
	if n.back {
		return back
	}
	return forward
}

func (p *plan) sinkRow(n *net, sink int) int {
	forward, back := p.nodes[sink].rows()
	if n.back {
		return back
	}
	return forward
}

func (p *plan) makeLines(n *net) {
	unit := p.nodes[n.root].unit
	from, row := unit, p.rootRow(n)
	b := p.blocks[p.units[unit].block]
	for layer := p.layerOf(n.root) + 1; layer <= n.end; layer++ {
		for _, sink := range n.sinks[layer] {
			p.connect(from, row, p.nodes[sink].unit, p.sinkRow(n, sink))
		}
		if layer < n.end {
			at := len(p.items)
			p.items = append(p.items, item{net: n, block: p.units[unit].block, layer: layer, height: 1})
			b.columns[layer] = append(b.columns[layer], at)
			n.lines[layer] = at
			p.connect(from, row, at, 0)
			from, row = at, 0
		}
	}
}

func (p *plan) connect(from, fromRow, to, toRow int) {
	p.items[from].right = append(p.items[from].right, link{to, toRow, fromRow})
	p.items[to].left = append(p.items[to].left, link{from, fromRow, toRow})
}

func (p *plan) line(it item) line {
	return line{p.nodes[it.net.root].ID, it.net.back, it.layer}
}

// layersOf returns the layers in which a block has items, from left to right.
func (b *block) layersOf() []int { return slices.Sorted(maps.Keys(b.columns)) }

// gap is the number of rows between two items, one below the other.
func (p *plan) gap(above, below int) int {
	if p.items[above].net != nil || p.items[below].net != nil {
		return 0
	}
	return p.options.Gap
}
