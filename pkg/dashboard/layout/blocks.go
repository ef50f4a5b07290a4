package layout

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// span is rows of a layer, from the first to before the last.
type span struct{ from, to int }

// placeBlocks moves whole blocks up or down until none overlaps another: large ones first, each as little as possible; those of the previous
// layout before new ones, and of the former those last that are in the way of more than they hold.
func (p *plan) placeBlocks() {
	order := slices.Clone(p.blocks)
	crowd := p.crowd()
	late := func(b *block) bool { return crowd[b] > len(b.units) }
	slices.SortStableFunc(order, func(a, b *block) int {
		return cmp.Or(compareBool(b.kept, a.kept), compareBool(late(a), late(b)), cmp.Compare(len(b.units), len(a.units)), strings.Compare(a.group, b.group))
	})
	taken := map[int][]span{} // by layer, sorted
	for _, b := range order {
		spans := p.spans(b)
		shift := free(spans, taken)
		for _, column := range b.columns {
			for _, it := range column {
				p.items[it].y += shift
			}
		}
		for layer, s := range spans {
			s.from, s.to = s.from+shift, s.to+shift
			i, _ := slices.BinarySearchFunc(taken[layer], s.from, func(t span, from int) int { return cmp.Compare(t.from, from) })
			taken[layer] = slices.Insert(taken[layer], i, s)
		}
	}
}

// crowd counts for each kept block the units of the other kept blocks that it overlaps.
func (p *plan) crowd() map[*block]int {
	type place struct {
		span
		block *block
	}
	layers := map[int][]place{}
	for _, b := range p.blocks {
		if b.kept {
			for layer, s := range p.spans(b) {
				layers[layer] = append(layers[layer], place{s, b})
			}
		}
	}
	out, counted := map[*block]int{}, map[[2]*block]bool{}
	for _, places := range layers {
		slices.SortFunc(places, func(a, b place) int { return cmp.Compare(a.from, b.from) })
		for i, a := range places {
			for _, b := range places[i+1:] {
				if b.from >= a.to {
					break
				}
				if !counted[[2]*block{a.block, b.block}] {
					counted[[2]*block{a.block, b.block}], counted[[2]*block{b.block, a.block}] = true, true
					out[a.block] += len(b.block.units)
					out[b.block] += len(a.block.units)
				}
			}
		}
	}
	return out
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// spans are the rows that a block takes: within its frame all of them, outside of it those of its lines.
func (p *plan) spans(b *block) map[int]span {
	out := map[int]span{}
	frame := span{math.MaxInt, math.MinInt}
	for layer, column := range b.columns {
		if len(column) == 0 {
			continue
		}
		s := span{math.MaxInt, math.MinInt}
		units := false
		for _, it := range column {
			s.from, s.to = min(s.from, p.items[it].y), max(s.to, p.items[it].y+p.items[it].height)
			units = units || p.items[it].net == nil
		}
		if units {
			s.to += p.options.Gap
		}
		out[layer] = s
		if layer >= b.first && layer <= b.last {
			frame.from, frame.to = min(frame.from, s.from), max(frame.to, s.to)
		}
	}
	if b.group == "" || p.options.Frame == 0 {
		return out
	}
	for layer := b.first; layer <= b.last; layer++ {
		out[layer] = span{frame.from - 1, frame.to + 1}
	}
	return out
}

// free is the least number of rows by which spans must be moved so that they overlap nothing.
func free(spans map[int]span, taken map[int][]span) int {
	down := slide(spans, taken, func(s, t span) int { return t.to - s.from })
	if down == 0 {
		return 0
	}
	if up := slide(spans, taken, func(s, t span) int { return t.from - s.to }); -up < down {
		return up
	}
	return down
}

// slide moves in one direction, past each span that is in the way.
func slide(spans map[int]span, taken map[int][]span, past func(s, t span) int) int {
	shift := 0
	for moved := true; moved; {
		moved = false
		for layer, s := range spans {
			s.from, s.to = s.from+shift, s.to+shift
			if t, hit := overlap(taken[layer], s); hit {
				shift += past(s, t)
				moved = true
			}
		}
	}
	return shift
}

// overlap finds a span that shares rows with s. Those taken do not overlap each other.
func overlap(taken []span, s span) (span, bool) {
	i, _ := slices.BinarySearchFunc(taken, s.from, func(t span, from int) int {
		if t.to <= from {
			return -1
		}
		return 1
	})
	if i < len(taken) && taken[i].from < s.to {
		return taken[i], true
	}
	return span{}, false
}
