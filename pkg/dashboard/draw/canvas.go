package draw

import "github.com/meshctl/meshctl/pkg/dashboard/layout"

// canvas is the visible part of a picture while it is drawn. What lies outside is not kept.
type canvas struct {
	view  layout.Rect
	signs *glyphs
	cells []Cell
	arms  []arms
	rank  []uint8 // of the line that gave a cell its style
	owner []int32 // the route to which a line belongs, +1: the one with the highest rank
	mixed []bool  // lines of several routes
}

// pen is what a line is drawn with.
type pen struct {
	style  Style
	weight uint8 // 1 light, 2 heavy
	rank   uint8 // the higher one covers the lower one
	route  int32 // +1; 0 for borders
}

func newCanvas(view layout.Rect, signs *glyphs) *canvas {
	n := view.W * view.H
	return &canvas{view, signs, make([]Cell, n), make([]arms, n), make([]uint8, n), make([]int32, n), make([]bool, n)}
}

// at is the index of a cell; ok is false outside of the view.
func (c *canvas) at(x, y int) (int, bool) {
	if !c.view.Contains(layout.Point{X: x, Y: y}) {
		return 0, false
	}
	return (y-c.view.Y)*c.view.W + x - c.view.X, true
}

// put writes one character. A wide one needs both of its cells within the view.
func (c *canvas) put(x, y int, cluster string, s Style) {
	i, ok := c.at(x, y)
	if !ok {
		return
	}
	if widthOf(cluster) == 2 {
		j, ok := c.at(x+1, y)
		if !ok {
			cluster = " "
		} else {
			c.cells[j] = Cell{"", s}
			c.arms[j] = 0
		}
	}
	c.cells[i] = Cell{cluster, s}
	c.arms[i] = 0
}

// write puts a text into at most so many cells and returns how many it took.
func (c *canvas) write(x, y, cells int, s string, style Style) int {
	used := 0
	for _, cluster := range c.signs.fit(s, cells) {
		c.put(x+used, y, cluster, style)
		used += widthOf(cluster)
	}
	return used
}

// writeRight ends a text before column x.
func (c *canvas) writeRight(x, y, cells int, s string, style Style) {
	n := 0
	for _, cluster := range c.signs.fit(s, cells) {
		n += widthOf(cluster)
	}
	c.write(x-n, y, cells, s, style)
}

// arm adds half a line to a cell that holds no text.
func (c *canvas) arm(x, y int, d direction, p pen) {
	i, ok := c.at(x, y)
	if !ok || c.cells[i].Text != "" {
		return
	}
	c.arms[i] = c.arms[i].with(d, p.weight)
	if p.rank >= c.rank[i] {
		c.cells[i].Style, c.rank[i] = p.style, p.rank
	}
	if p.route == 0 {
		return
	}
	c.mixed[i] = c.mixed[i] || c.owner[i] != 0 && c.owner[i] != p.route
	c.owner[i] = p.route
}

// line draws from one cell to another in the same row or column. Only what is visible costs time.
func (c *canvas) line(from, to layout.Point, p pen) {
	d, dx, dy := heading(from, to)
	if dx != 0 && (from.Y < c.view.Y || from.Y >= c.view.Y+c.view.H) || dy != 0 && (from.X < c.view.X || from.X >= c.view.X+c.view.W) {
		return
	}
	low, high := layout.Point{X: c.view.X - 1, Y: c.view.Y - 1}, layout.Point{X: c.view.X + c.view.W, Y: c.view.Y + c.view.H}
	at := layout.Point{X: min(max(from.X, low.X), high.X), Y: min(max(from.Y, low.Y), high.Y)}
	end := layout.Point{X: min(max(to.X, low.X), high.X), Y: min(max(to.Y, low.Y), high.Y)}
	for at != end {
		c.arm(at.X, at.Y, d, p)
		at.X, at.Y = at.X+dx, at.Y+dy
		c.arm(at.X, at.Y, d.opposite(), p)
	}
}

// finish turns lines into characters.
func (c *canvas) finish() {
	for i, a := range c.arms {
		if a != 0 {
			c.cells[i].Text = a.char(c.signs.ascii)
		}
	}
}

// heading is the direction from one cell to another in the same row or column.
func heading(from, to layout.Point) (d direction, dx, dy int) {
	switch {
	case to.X < from.X:
		return left, -1, 0
	case to.Y > from.Y:
		return down, 0, 1
	case to.Y < from.Y:
		return up, 0, -1
	}
	return right, 1, 0
}

// under writes a character where nothing is yet.
func (c *canvas) under(x, y int, cluster string, s Style) {
	if i, ok := c.at(x, y); ok && c.cells[i].Text == "" && c.arms[i] == 0 {
		c.cells[i] = Cell{cluster, s}
	}
}

// fill writes a text where nothing is yet; where it does not fit as a whole, it is left out.
func (c *canvas) fill(x, y int, s string, cells int, style Style) {
	text := c.signs.fit(s, cells)
	n := 0
	for _, cluster := range text {
		for range widthOf(cluster) {
			i, ok := c.at(x+n, y)
			if !ok || c.cells[i].Text != "" || c.arms[i] != 0 || c.taken(i) {
				return
			}
			n++
		}
	}
	c.write(x, y, cells, s, style)
}

// taken reports whether a cell is the right half of a wide character.
func (c *canvas) taken(i int) bool {
	return i%c.view.W > 0 && c.cells[i-1].Text != "" && widthOf(c.cells[i-1].Text) == 2
}
