package draw

import (
	"github.com/meshctl/meshctl/pkg/dashboard/layout"
	"github.com/meshctl/meshctl/pkg/topology"
)

// Viewport is the visible part of a layout: Width x Height cells from X, Y of the layout on.
type Viewport struct{ X, Y, Width, Height int }

// The largest viewport: that of a terminal which nobody has.
const mostSide = 4096

func (v Viewport) rect() layout.Rect {
	return layout.Rect{X: v.X, Y: v.Y, W: min(max(v.Width, 0), mostSide), H: min(max(v.Height, 0), mostSide)}
}

// Fit shows a layout in the middle of width x height cells; of one that is larger, the upper left corner.
func Fit(l *layout.Layout, width, height int) Viewport {
	b := l.Bounds
	return Viewport{b.X - max(width-b.W, 0)/2, b.Y - max(height-b.H, 0)/2, width, height}
}

// Whole shows all of a layout, however large.
func Whole(l *layout.Layout) Viewport {
	return Viewport{l.Bounds.X, l.Bounds.Y, l.Bounds.W, l.Bounds.H}
}

// Fits reports whether all of a layout is visible at once in width x height cells.
func Fits(l *layout.Layout, width, height int) bool {
	return l.Bounds.W <= width && l.Bounds.H <= height
}

// Pan moves the viewport, as long as something of the layout stays visible in every direction.
func (v Viewport) Pan(l *layout.Layout, dx, dy int) Viewport {
	b := l.Bounds
	v.X = clamp(v.X+dx, b.X-v.Width+v.Width/4, b.X+b.W-v.Width/4)
	v.Y = clamp(v.Y+dy, b.Y-v.Height+v.Height/4, b.Y+b.H-v.Height/4)
	return v
}

// Show moves the viewport as little as possible so that a rectangle is visible, its upper left corner at least.
func (v Viewport) Show(r layout.Rect) Viewport {
	v.X = min(max(v.X, r.X+r.W-v.Width), r.X)
	v.Y = min(max(v.Y, r.Y+r.H-v.Height), r.Y)
	return v
}

// Center puts the middle of a rectangle into the middle of the viewport.
func (v Viewport) Center(r layout.Rect) Viewport {
	v.X, v.Y = r.X+r.W/2-v.Width/2, r.Y+r.H/2-v.Height/2
	return v
}

func clamp(v, low, high int) int { return min(max(v, min(low, high)), max(low, high)) }

// Best chooses the nearest zoom at which all of a graph is visible in width x height cells: Dot when it is at none.
func Best(g topology.Graph, o Options, width, height int) Options {
	for _, z := range []Zoom{Full, Compact} {
		for _, narrow := range []bool{false, true} {
			o.Zoom, o.Narrow = z, narrow
			if Fits(Arrange(g, o, nil), width, height) {
				return o
			}
		}
	}
	o.Zoom, o.Narrow = Dot, false
	return o
}
