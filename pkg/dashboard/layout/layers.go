package layout

import (
	"math"
	"slices"
)

// assignLayers gives every unit a layer: callers left of what they call, except along edges that would close a cycle.
func (p *plan) assignLayers() {
	if p.previous == nil || !p.continueLayers() {
		p.forget()
		p.freshLayers()
	}
	first := true
	for _, b := range p.blocks {
		b.columns = map[int][]int{}
		b.first, b.last = math.MaxInt, math.MinInt
		for _, u := range b.units {
			b.first, b.last = min(b.first, p.units[u].layer), max(b.last, p.units[u].layer)
		}
		if first {
			p.last, first = b.last, false
		}
		p.last = max(p.last, b.last)
	}
}

// forget makes the plan one without a previous layout.
func (p *plan) forget() {
	p.previous = nil
	for i := range p.units {
		p.units[i].kept = false
	}
	for _, b := range p.blocks {
		b.kept = false
	}
}

func (p *plan) freshLayers() {
	order := p.sequence()
	rank := make([]int, len(order))
	for i, u := range order {
		rank[u] = i
	}
	deepest := 0
	for _, u := range order { // the longest path
		layer := 0
		for _, b := range p.units[u].before {
			if rank[b] < rank[u] {
				layer = max(layer, p.units[b].layer+1)
			}
		}
		p.units[u].layer = layer
		deepest = max(deepest, layer)
	}
	for _, u := range slices.Backward(order) { // callers that nobody calls stand next to whom they call
		nearest, called := math.MaxInt, false
		for _, b := range p.units[u].before {
			called = called || rank[b] < rank[u]
		}
		for _, n := range p.units[u].next {
			if rank[n] > rank[u] {
				nearest = min(nearest, p.units[n].layer-1)
			}
		}
		if !called && nearest != math.MaxInt {
			p.units[u].layer = nearest
		}
	}
	p.spread(deepest)
}

// spread distributes what has no edges over the layers, so that a mesh without traffic is no single column.
func (p *plan) spread(deepest int) {
	var alone []int
	for i, u := range p.units {
		if len(u.next) == 0 && len(u.before) == 0 {
			alone = append(alone, i)
		}
	}
	count := max(deepest+1, int(math.Ceil(math.Sqrt(float64(len(alone))/2))))
	heights := make([]int, count)
	for _, u := range p.units {
		if (len(u.next) > 0 || len(u.before) > 0) && u.layer < count {
			heights[u.layer] += u.height
		}
	}
	for _, i := range alone {
		least := 0
		for l, h := range heights {
			if h < heights[least] {
				least = l
			}
		}
		p.units[i].layer = least
		heights[least] += p.units[i].height + p.options.Gap
	}
}

// sequence orders units so that few edges go backwards (Eades, Lin and Smyth: A fast and effective heuristic for the feedback arc set
// problem, 1993). Among equals the order of the graph decides.
func (p *plan) sequence() []int {
	n := len(p.units)
	in, out := make([]int, n), make([]int, n)
	taken := make([]bool, n)
	var sources, sinks []int
	for i, u := range p.units {
		in[i], out[i] = len(u.before), len(u.next)
		if out[i] == 0 {
			sinks = append(sinks, i)
		} else if in[i] == 0 {
			sources = append(sources, i)
		}
	}
	var left, right []int
	take := func(u int) {
		taken[u] = true
		for _, v := range p.units[u].next {
			if in[v]--; in[v] == 0 && !taken[v] && out[v] > 0 {
				sources = append(sources, v)
			}
		}
		for _, v := range p.units[u].before {
			if out[v]--; out[v] == 0 && !taken[v] {
				sinks = append(sinks, v)
			}
		}
	}
	for len(left)+len(right) < n {
		for len(sinks) > 0 {
			u := sinks[0]
			sinks = sinks[1:]
			if !taken[u] {
				take(u)
				right = append(right, u)
			}
		}
		for len(sources) > 0 {
			u := sources[0]
			sources = sources[1:]
			if !taken[u] {
				take(u)
				left = append(left, u)
			}
		}
		if len(sinks) > 0 {
			continue
		}
		best := -1
		for u := range n {
			if !taken[u] && (best < 0 || out[u]-in[u] > out[best]-in[best]) {
				best = u
			}
		}
		if best >= 0 {
			take(best)
			left = append(left, best)
		}
	}
	slices.Reverse(right)
	return append(left, right...)
}

// continueLayers keeps the layers of what was there and finds some for the rest. It is false when a new layout would be much better.
func (p *plan) continueLayers() bool {
	kept := 0
	connected := p.previous.connected()
	for i := range p.units {
		if u := &p.units[i]; u.kept {
			kept++
			had := slices.ContainsFunc(u.nodes, func(n int) bool { return connected[p.nodes[n].ID] })
			u.kept = had || len(u.next)+len(u.before) == 0 // first edges tell where it belongs
		}
	}
	if kept*2 < len(p.units) || kept == 0 {
		return false
	}
	p.layerNew()
	backwards := p.backwards()
	if backwards == 0 {
		return true
	}
	layers := make([]int, len(p.units))
	for i, u := range p.units {
		layers[i] = u.layer
	}
	p.freshLayers()
	fresh := p.backwards()
	for i := range p.units {
		p.units[i].layer = layers[i]
	}
	return backwards <= 2*fresh+len(p.edges)/10+2
}

// connected are the nodes that had edges.
func (l *Layout) connected() map[string]bool {
	out := make(map[string]bool, len(l.Nodes))
	for _, e := range l.graph.Edges {
		out[e.From], out[e.To] = true, true
	}
	return out
}

// layerNew gives layers to units that have none yet: right of those that call them, else left of those that they call.
func (p *plan) layerNew() {
	var waiting []int
	known := make([]bool, len(p.units))
	for i, u := range p.units {
		known[i] = u.kept
		if !u.kept {
			waiting = append(waiting, i)
		}
	}
	for len(waiting) > 0 {
		var later []int
		for _, u := range waiting {
			if layer, ok := p.beside(u, known); ok {
				p.units[u].layer, known[u] = layer, true
			} else {
				later = append(later, u)
			}
		}
		if len(later) == len(waiting) { // nothing that is known leads to them: start anywhere
			u := later[0]
			p.units[u].layer, known[u] = p.lowest(known), true
			later = later[1:]
		}
		waiting = later
	}
}

func (p *plan) beside(u int, known []bool) (int, bool) {
	layer, found := 0, false
	for _, b := range p.units[u].before {
		if known[b] && (!found || p.units[b].layer+1 > layer) {
			layer, found = p.units[b].layer+1, true
		}
	}
	if found {
		return layer, true
	}
	for _, n := range p.units[u].next {
		if known[n] && (!found || p.units[n].layer-1 < layer) {
			layer, found = p.units[n].layer-1, true
		}
	}
	return layer, found
}

func (p *plan) lowest(known []bool) int {
	lowest := math.MaxInt
	for i, u := range p.units {
		if known[i] {
			lowest = min(lowest, u.layer)
		}
	}
	if lowest == math.MaxInt {
		return 0
	}
	return lowest
}

// backwards counts edges between units that do not go to the right.
func (p *plan) backwards() (n int) {
	for _, u := range p.units {
		for _, v := range u.next {
			if p.units[v].layer <= u.layer {
				n++
			}
		}
	}
	return n
}
