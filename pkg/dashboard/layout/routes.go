package layout

import "slices"

// routes draws the edges along their nets.
func (p *plan) routes() []Route {
	nets := make(map[netKey]*net, len(p.nets))
	for _, n := range p.nets {
		nets[netKey{n.root, n.back}] = n
	}
	out := make([]Route, len(p.edges))
	for i, e := range p.edges {
		out[i] = Route{From: p.nodes[e[0]].ID, To: p.nodes[e[1]].ID}
		if e[0] == e[1] {
			continue
		}
		key, sink := p.netOf(e[0], e[1])
		points := p.way(nets[key], sink)
		if key.back {
			slices.Reverse(points)
		}
		out[i].Points = points
	}
	return out
}

// way goes from the root of a net to one of its sinks.
func (p *plan) way(n *net, sink int) []Point {
	var out []Point
	add := func(x, y int) {
		at := Point{x, y}
		if k := len(out); k > 0 && out[k-1] == at {
			return
		} else if k > 1 && (out[k-2].Y == y && out[k-1].Y == y || out[k-2].X == x && out[k-1].X == x) {
			out[k-1] = at
			return
		}
		out = append(out, at)
	}
	root, target := p.layerOf(n.root), p.layerOf(sink)
	row := p.items[p.nodes[n.root].unit].y + p.rootRow(n)
	add(p.right(root), row)
	if root == target {
		_, back := p.nodes[sink].rows()
		s := n.parts[root]
		add(s.x, row)
		row = p.items[p.nodes[sink].unit].y + back
		add(s.x, row)
		add(p.right(root), row)
		return out
	}
	for layer := root; layer < target; layer++ {
		next := p.items[p.nodes[sink].unit].y + p.sinkRow(n, sink)
		if layer+1 < target {
			next = p.items[n.lines[layer+1]].y
		}
		if next != row {
			x := n.parts[layer].x
			add(x, row)
			add(x, next)
		}
		row = next
	}
	add(p.columns[target].x-1, row)
	return out
}

// right is the first column right of a layer's boxes.
func (p *plan) right(layer int) int {
	c := p.columns[layer]
	return c.x + c.width
}
