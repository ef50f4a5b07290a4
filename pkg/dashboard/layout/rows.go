package layout

import (
	"cmp"
	"math"
	"slices"
)

// assignRows finds the row of every item.
func (p *plan) assignRows() {
	if p.previous != nil {
		p.keepRows()
		p.placeBlocks()
		return
	}
	all := p.allColumns()
	p.order(all)
	for _, c := range all {
		p.stackUp(c)
	}
	for range 6 {
		p.straighten(all)
	}
	columns := p.byBlocks(all)
	for range 2 {
		p.straighten(columns)
		p.placeBlocks()
	}
}

// allColumns are all items by layer, whatever their block.
func (p *plan) allColumns() [][]int {
	lowest := p.last
	for i := range p.items {
		lowest = min(lowest, p.items[i].layer)
	}
	if len(p.items) == 0 {
		return nil
	}
	out := make([][]int, p.last-lowest+1)
	for i := range p.items {
		l := p.items[i].layer - lowest
		out[l] = append(out[l], i)
	}
	return out
}

// byBlocks divides columns by the blocks of their items, in the order of the rows that they have.
func (p *plan) byBlocks(all [][]int) [][]int {
	for _, b := range p.blocks {
		clear(b.columns)
	}
	for _, c := range all {
		for _, it := range c {
			b := p.blocks[p.items[it].block]
			b.columns[p.items[it].layer] = append(b.columns[p.items[it].layer], it)
		}
	}
	var out [][]int
	for _, b := range p.blocks {
		for _, l := range b.layersOf() {
			out = append(out, b.columns[l])
		}
	}
	slices.SortStableFunc(out, func(a, b []int) int { return cmp.Compare(p.items[a[0]].layer, p.items[b[0]].layer) })
	return out
}

func (p *plan) stackUp(column []int) {
	y := 0
	for i, it := range column {
		if i > 0 {
			y += p.gap(column[i-1], it)
		}
		p.items[it].y = y
		y += p.items[it].height
	}
}

// straighten moves items towards those that they are connected with, from left to right and back.
func (p *plan) straighten(columns [][]int) {
	for _, c := range columns {
		p.pull(c, true, false)
	}
	for _, c := range slices.Backward(columns) {
		p.pull(c, false, true)
	}
	for _, c := range columns {
		p.pull(c, true, true)
	}
}

func (p *plan) pull(column []int, left, right bool) {
	weights := make([]float64, len(column))
	for i, at := range column {
		it := &p.items[at]
		sum, n := 0.0, 0
		for _, side := range []struct {
			use   bool
			links []link
		}{{left, it.left}, {right, it.right}} {
			if !side.use {
				continue
			}
			for _, l := range side.links {
				sum += float64(p.items[l.other].y + l.there - l.here)
				n++
			}
		}
		if n == 0 {
			it.wanted, weights[i] = float64(it.y), 0.1
			continue
		}
		it.wanted, weights[i] = sum/float64(n), float64(n)
		if it.net != nil {
			weights[i] *= 2 // long lines should be straight
		}
	}
	p.settle(column, weights)
}

// settle gives the items of a column the rows nearest to those wanted (least squares) that keep order and distances: isotonic regression by
// pooling adjacent violators.
func (p *plan) settle(column []int, weights []float64) {
	type pool struct {
		start, weight float64
		from          int
	}
	offset := make([]int, len(column)) // of an item, were all of them packed
	var pools []pool
	for i, it := range column {
		if i > 0 {
			offset[i] = offset[i-1] + p.items[column[i-1]].height + p.gap(column[i-1], it)
		}
		next := pool{p.items[it].wanted - float64(offset[i]), weights[i], i}
		for len(pools) > 0 && pools[len(pools)-1].start >= next.start {
			last := pools[len(pools)-1]
			pools = pools[:len(pools)-1]
			total := last.weight + next.weight
			next = pool{(last.start*last.weight + next.start*next.weight) / total, total, last.from}
		}
		pools = append(pools, next)
	}
	for k, q := range pools {
		end := len(column)
		if k+1 < len(pools) {
			end = pools[k+1].from
		}
		for i := q.from; i < end; i++ {
			p.items[column[i]].y = int(math.Floor(q.start+0.5)) + offset[i]
		}
	}
}
