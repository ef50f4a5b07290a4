package layout

import (
	"cmp"
	"math"
	"slices"
)

// keepRows leaves what was there in its row, as far as that has room, and puts the rest into the nearest free rows.
func (p *plan) keepRows() {
	var added []int
	for _, b := range p.blocks {
		for layer, column := range b.columns {
			var kept []int
			for _, at := range column {
				if p.recall(at) {
					kept = append(kept, at)
				} else {
					added = append(added, at)
				}
			}
			p.keepColumn(kept)
			b.columns[layer] = kept
		}
	}
	slices.Sort(added) // units before lines
	placed := make([]bool, len(p.items))
	for i := range placed {
		placed[i] = true
	}
	for _, at := range added {
		placed[at] = false
	}
	extents := make([]span, len(p.blocks))
	for i, b := range p.blocks {
		extents[i] = span{math.MaxInt, math.MinInt}
		for _, column := range b.columns {
			for _, at := range column {
				p.extend(&extents[i], at)
			}
		}
	}
	for _, at := range added {
		p.insert(at, placed, extents[p.items[at].block])
		placed[at] = true
		p.extend(&extents[p.items[at].block], at)
	}
}

// recall looks up the row that an item had.
func (p *plan) recall(at int) bool {
	it := &p.items[at]
	if it.net == nil {
		return p.units[at].kept
	}
	row, ok := p.previous.lines[p.line(*it)]
	it.y = row
	return ok
}

// keepColumn makes room where boxes have grown. Units outweigh lines.
func (p *plan) keepColumn(column []int) {
	slices.SortStableFunc(column, func(a, b int) int { return cmp.Compare(p.items[a].y, p.items[b].y) })
	weights := make([]float64, len(column))
	for i, at := range column {
		p.items[at].wanted, weights[i] = float64(p.items[at].y), 1
		if p.items[at].net == nil {
			weights[i] = 1e6
		}
	}
	p.settle(column, weights)
}

// wish is the row that an item would have next to those that have one.
func (p *plan) wish(at int, placed []bool) int {
	sum, n := 0, 0
	for _, links := range [][]link{p.items[at].left, p.items[at].right} {
		for _, l := range links {
			if placed[l.other] {
				sum += p.items[l.other].y + l.there - l.here
				n++
			}
		}
	}
	if n == 0 {
		return p.items[at].y
	}
	return sum / n
}

// insert puts an item into the free rows of its block that are nearest to where it would like to be.
func (p *plan) insert(at int, placed []bool, inside span) {
	it := &p.items[at]
	b := p.blocks[it.block]
	column := b.columns[it.layer]
	it.y = p.nearest(column, at, p.wish(at, placed), inside)
	i, _ := slices.BinarySearchFunc(column, it.y, func(other, y int) int { return cmp.Compare(p.items[other].y, y) })
	b.columns[it.layer] = slices.Insert(column, i, at)
}

// extend adds the rows of an item to those of its block's frame. Lines outside of it do not count.
func (p *plan) extend(s *span, at int) {
	it := &p.items[at]
	if b := p.blocks[it.block]; it.layer >= b.first && it.layer <= b.last {
		s.from, s.to = min(s.from, it.y), max(s.to, it.y+it.height)
	}
}

// outside is what it costs to make a block grow: others may have to make way.
const outside = 6

// nearest is the free place at the least distance from a row. Rows outside of the block count more.
func (p *plan) nearest(column []int, at, wish int, inside span) int {
	best, least, found := wish, 0, false
	try := func(y, above, below int) {
		if above >= 0 && y < p.items[above].y+p.items[above].height+p.gap(above, at) {
			return
		}
		if below >= 0 && y+p.items[at].height+p.gap(at, below) > p.items[below].y {
			return
		}
		cost := max(y-wish, wish-y)
		if inside.from <= inside.to {
			cost += outside * (max(inside.from-y, 0) + max(y+p.items[at].height-inside.to, 0))
		}
		if !found || cost < least {
			best, least, found = y, cost, true
		}
	}
	for i := 0; i <= len(column); i++ {
		above, below := -1, -1
		if i > 0 {
			above = column[i-1]
			try(p.items[above].y+p.items[above].height+p.gap(above, at), above, itemAt(column, i))
		}
		if i < len(column) {
			below = column[i]
			try(p.items[below].y-p.gap(at, below)-p.items[at].height, above, below)
		}
		try(wish, above, below)
	}
	return best
}

// itemAt is the item at an index, or -1 after the last.
func itemAt(column []int, i int) int {
	if i < len(column) {
		return column[i]
	}
	return -1
}
