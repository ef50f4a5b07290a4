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
	q := &sequencer{units: p.units, in: make([]int, len(p.units)), out: make([]int, len(p.units)), taken: make([]bool, len(p.units))}
	for i, u := range p.units {
		q.in[i], q.out[i] = len(u.before), len(u.next)
		if q.out[i] == 0 {
			q.sinks = append(q.sinks, i)
		} else if q.in[i] == 0 {
			q.sources = append(q.sources, i)
		}
	}
	var left, right []int
	for len(left)+len(right) < len(p.units) {
		right = q.drain(&q.sinks, right)
		left = q.drain(&q.sources, left)
		if len(q.sinks) > 0 {
			continue
		}
		if best := q.best(); best >= 0 {
			q.take(best)
			left = append(left, best)
		}
	}
	slices.Reverse(right)
	return append(left, right...)
}

// sequencer takes units out of a graph, one after the other.
type sequencer struct {
	units          []unit
	in, out        []int // edges from and to units that are not taken
	taken          []bool
	sources, sinks []int
}

// drain takes all of a queue, which grows meanwhile, and adds them to a list.
func (q *sequencer) drain(queue *[]int, to []int) []int {
	for len(*queue) > 0 {
		u := (*queue)[0]
		*queue = (*queue)[1:]
		if !q.taken[u] {
			q.take(u)
			to = append(to, u)
		}
	}
	return to
}

func (q *sequencer) take(u int) {
	q.taken[u] = true
	for _, v := range q.units[u].next {
		if q.in[v]--; q.in[v] == 0 && !q.taken[v] && q.out[v] > 0 {
			q.sources = append(q.sources, v)
		}
	}
	for _, v := range q.units[u].before {
		if q.out[v]--; q.out[v] == 0 && !q.taken[v] {
			q.sinks = append(q.sinks, v)
		}
	}
}

// best is the unit within cycles that calls the most others for those that call it; -1 when all are taken.
func (q *sequencer) best() int {
	best := -1
	for u := range q.units {
		if !q.taken[u] && (best < 0 || q.out[u]-q.in[u] > q.out[best]-q.in[best]) {
			best = u
		}
	}
	return best
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
