package layout

import (
	"cmp"
	"slices"
)

const (
	// sweeps is how often the layers are ordered by their neighbours, in each direction.
	sweeps = 8
	// transposable is the number of items up to which neighbours are also exchanged one by one.
	transposable = 400
)

// sorter orders items within layers so that few edges cross (barycenters, then exchanges of neighbours).
type sorter struct {
	plan    *plan
	columns [][]int
	at      []int // index of an item in its column
	length  []int // of the column of an item
}

// order sorts the columns in place.
func (p *plan) order(columns [][]int) {
	s := &sorter{p, columns, make([]int, len(p.items)), make([]int, len(p.items))}
	count := 0
	for _, c := range columns {
		s.index(c)
		count += len(c)
	}
	best := s.crossings()
	kept := s.copied()
	for i := 0; i < sweeps && best > 0; i++ {
		for _, c := range columns {
			s.byNeighbours(c, func(it *item) []link { return it.left })
		}
		for _, c := range slices.Backward(columns) {
			s.byNeighbours(c, func(it *item) []link { return it.right })
		}
		if count <= transposable {
			s.exchange()
		}
		if n := s.crossings(); n < best {
			best, kept = n, s.copied()
		}
	}
	for i := range columns {
		copy(columns[i], kept[i])
	}
}

func (s *sorter) copied() [][]int {
	out := make([][]int, len(s.columns))
	for i, c := range s.columns {
		out[i] = slices.Clone(c)
	}
	return out
}

func (s *sorter) index(column []int) {
	for i, it := range column {
		s.at[it], s.length[it] = i, len(column)
	}
}

// place is where a row of an item is in its column, from 0 to 1.
func (s *sorter) place(it, row int) float64 {
	return (float64(s.at[it]) + (float64(row)+0.5)/float64(s.plan.items[it].height)) / float64(s.length[it])
}

func (s *sorter) byNeighbours(column []int, side func(*item) []link) {
	for _, i := range column {
		it := &s.plan.items[i]
		links := side(it)
		if len(links) == 0 {
			it.wanted = s.place(i, it.height/2)
			continue
		}
		sum := 0.0
		for _, l := range links {
			sum += s.place(l.other, l.there)
		}
		it.wanted = sum / float64(len(links))
	}
	slices.SortStableFunc(column, func(a, b int) int { return cmp.Compare(s.plan.items[a].wanted, s.plan.items[b].wanted) })
	s.index(column)
}

// exchange swaps neighbours as long as that removes crossings.
func (s *sorter) exchange() {
	for again := true; again; {
		again = false
		for _, c := range s.columns {
			for i := 0; i+1 < len(c); i++ {
				a, b := c[i], c[i+1]
				if s.between(b, a) < s.between(a, b) {
					c[i], c[i+1] = b, a
					s.at[a], s.at[b] = i+1, i
					again = true
				}
			}
		}
	}
}

// between counts crossings of the edges of two items in one column, one above the other.
func (s *sorter) between(above, below int) (n int) {
	a, b := &s.plan.items[above], &s.plan.items[below]
	for _, side := range [][2][]link{{a.left, b.left}, {a.right, b.right}} {
		for _, x := range side[0] {
			for _, y := range side[1] {
				if s.place(x.other, x.there) > s.place(y.other, y.there) {
					n++
				}
			}
		}
	}
	return n
}

// crossings counts those of all neighbouring columns.
func (s *sorter) crossings() (n int) {
	for _, c := range s.columns {
		var ends []float64
		for _, i := range c {
			links := slices.Clone(s.plan.items[i].right)
			slices.SortFunc(links, func(a, b link) int {
				return cmp.Or(cmp.Compare(a.here, b.here), cmp.Compare(s.place(a.other, a.there), s.place(b.other, b.there)))
			})
			for _, l := range links {
				ends = append(ends, s.place(l.other, l.there))
			}
		}
		n += inversions(ends, make([]float64, len(ends)))
	}
	return n
}

// inversions counts pairs in the wrong order while it sorts.
func inversions(v, buffer []float64) (n int) {
	if len(v) < 2 {
		return 0
	}
	half := len(v) / 2
	n = inversions(v[:half], buffer) + inversions(v[half:], buffer)
	a, b := v[:half], v[half:]
	for i := range v {
		if len(b) == 0 || len(a) > 0 && a[0] <= b[0] {
			buffer[i], a = a[0], a[1:]
		} else {
			n += len(a)
			buffer[i], b = b[0], b[1:]
		}
	}
	copy(v, buffer[:len(v)])
	return n
}
