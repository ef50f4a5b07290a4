package layout

import (
	"cmp"
	"math"
	"slices"
)

// mostTracks bounds the vertical lines side by side between two layers; beyond it they share columns.
const mostTracks = 64

// segment is the part of a net between a layer and the next.
type segment struct {
	left, right []int // rows in which lines come from the left and go to the right
	low, high   int   // the rows of the vertical line; none when they are equal
	track, x    int
}

// assignColumns finds the column of every layer and of every vertical line.
func (p *plan) assignColumns() {
	p.channels = map[int][]*segment{}
	for _, n := range p.nets {
		p.divide(n)
	}
	lowest, widths := p.widths()
	tracks := map[int]int{}
	for layer, segments := range p.channels {
		tracks[layer] = assignTracks(segments)
	}
	if len(p.items) == 0 {
		return
	}
	p.placeLayers(lowest, widths, tracks)
	for layer, segments := range p.channels {
		c := p.columns[layer]
		start := c.x + c.width + p.rightPad(layer) + 1 + p.lead(c.tracks)
		for _, s := range segments {
			s.x = start + s.track*spacing(c.tracks)
		}
	}
}

// divide makes the segments of a net.
func (p *plan) divide(n *net) {
	root := p.layerOf(n.root)
	row := p.items[p.nodes[n.root].unit].y + p.rootRow(n)
	for layer := root; layer < n.end || layer == root; layer++ {
		s := &segment{left: []int{row}}
		if layer == root {
			for _, sink := range n.side {
				_, back := p.nodes[sink].rows()
				s.left = append(s.left, p.items[p.nodes[sink].unit].y+back)
			}
		}
		for _, sink := range n.sinks[layer+1] {
			s.right = append(s.right, p.items[p.nodes[sink].unit].y+p.sinkRow(n, sink))
		}
		if at, ok := n.lines[layer+1]; ok {
			row = p.items[at].y
			s.right = append(s.right, row)
		}
		s.low, s.high = slices.Min(append(s.left, s.right...)), slices.Max(append(s.left, s.right...))
		n.parts[layer] = s
		p.channels[layer] = append(p.channels[layer], s)
	}
}

func (p *plan) widths() (lowest int, widths map[int]int) {
	lowest, widths = p.last, map[int]int{}
	for _, u := range p.units {
		lowest = min(lowest, u.layer)
		widths[u.layer] = max(widths[u.layer], u.width)
	}
	return lowest, widths
}

// placeLayers sets p.columns. Layers that were there stay where they are unless they need more room: what is right of a layer makes way to the
// right.
func (p *plan) placeLayers(lowest int, widths, tracks map[int]int) {
	for layer := lowest; layer <= p.last; layer++ {
		c := column{width: widths[layer], tracks: tracks[layer]}
		if p.previous != nil {
			if was, ok := p.previous.layers[layer]; ok {
				c = column{was.x, max(c.width, was.width), max(c.tracks, was.tracks)}
			}
		}
		p.columns[layer] = c
	}
	anchor := lowest // the first layer that was there
	if p.previous != nil {
		for anchor < p.last {
			if _, ok := p.previous.layers[anchor]; ok {
				break
			}
			anchor++
		}
	}
	for layer := anchor + 1; layer <= p.last; layer++ {
		c := p.columns[layer]
		least := p.end(layer-1) + p.leftPad(layer)
		if _, ok := p.previousLayer(layer); ok {
			least = max(least, c.x)
		}
		c.x = least
		p.columns[layer] = c
	}
	for layer := anchor - 1; layer >= lowest; layer-- {
		c := p.columns[layer]
		c.x = 0
		p.columns[layer] = c
		c.x = p.columns[layer+1].x - p.leftPad(layer+1) - p.end(layer)
		p.columns[layer] = c
	}
}

func (p *plan) previousLayer(layer int) (column, bool) {
	if p.previous == nil {
		return column{}, false
	}
	c, ok := p.previous.layers[layer]
	return c, ok
}

// end is the first column right of a layer and its vertical lines.
func (p *plan) end(layer int) int {
	c := p.columns[layer]
	return c.x + c.width + p.rightPad(layer) + 1 + p.lead(c.tracks) + c.tracks*spacing(c.tracks) + p.options.Channel
}

// lead is the room before the first vertical line: without any, what is before the next layer is enough.
func (p *plan) lead(tracks int) int {
	if tracks == 0 {
		return 0
	}
	return p.options.Lead
}

// spacing is the distance of vertical lines: a few are easier to tell apart with a blank between them.
func spacing(tracks int) int {
	if tracks == 2 || tracks == 3 {
		return 2
	}
	return 1
}

func (p *plan) leftPad(layer int) int {
	return p.pad(func(b *block) bool { return b.first == layer })
}

func (p *plan) rightPad(layer int) int {
	return p.pad(func(b *block) bool { return b.last == layer })
}

func (p *plan) pad(at func(*block) bool) int {
	if slices.ContainsFunc(p.blocks, func(b *block) bool { return b.group != "" && at(b) }) {
		return p.options.Frame
	}
	return 0
}

// assignTracks distributes vertical lines over columns and returns how many it takes. Where one line leaves in the row in which another
// arrives, the first is left of the second, so that they do not cover each other; beyond that, the order with fewer crossings wins.
func assignTracks(segments []*segment) int {
	var upright []*segment
	low, high := math.MaxInt, math.MinInt
	for _, s := range segments {
		if s.low < s.high {
			upright = append(upright, s)
			low, high = min(low, s.low), max(high, s.high)
		}
	}
	slices.SortStableFunc(upright, compareSegments)
	upright = constrained(upright)
	words := (high-low)/64 + 1
	var tracks [][]uint64
	arrives := map[int]int{} // the first track allowed for what arrives in a row
	for _, s := range upright {
		at := 0
		for _, row := range s.right {
			at = max(at, arrives[row])
		}
		for at < len(tracks) && at < mostTracks-1 && intersects(tracks[at], s.low-low, s.high-low) {
			at++
		}
		at = min(at, mostTracks-1)
		for at >= len(tracks) {
			tracks = append(tracks, make([]uint64, words))
		}
		occupy(tracks[at], s.low-low, s.high-low)
		s.track = at
		for _, row := range s.left {
			arrives[row] = max(arrives[row], at+1)
		}
	}
	return len(tracks)
}

// compareSegments puts lines that go down before those that go up; of the former the lowest, of the latter the highest first.
func compareSegments(a, b *segment) int {
	down := func(s *segment) bool { return s.high-s.left[0] >= s.left[0]-s.low }
	switch {
	case down(a) != down(b):
		return compareBool(down(b), down(a))
	case down(a):
		return cmp.Compare(b.left[0], a.left[0])
	}
	return cmp.Compare(a.left[0], b.left[0])
}

// constrained moves each segment behind those that leave in rows where it arrives; cycles stay as they are.
func constrained(segments []*segment) []*segment {
	leaving := map[int][]int{}
	for i, s := range segments {
		for _, row := range s.left {
			leaving[row] = append(leaving[row], i)
		}
	}
	out := make([]*segment, 0, len(segments))
	seen := make([]bool, len(segments))
	var visit func(i int)
	visit = func(i int) {
		if seen[i] {
			return
		}
		seen[i] = true
		for _, row := range segments[i].right {
			for _, before := range leaving[row] {
				visit(before)
			}
		}
		out = append(out, segments[i])
	}
	for i := range segments {
		visit(i)
	}
	return out
}

func intersects(track []uint64, from, to int) bool {
	for i := from; i <= to; i++ {
		if i%64 == 0 && i+63 <= to {
			if track[i/64] != 0 {
				return true
			}
			i += 63
			continue
		}
		if track[i/64]&(1<<(i%64)) != 0 {
			return true
		}
	}
	return false
}

func occupy(track []uint64, from, to int) {
	for i := from; i <= to; i++ {
		track[i/64] |= 1 << (i % 64)
	}
}
