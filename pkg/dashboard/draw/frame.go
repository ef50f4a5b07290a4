package draw

import (
	"slices"
	"strings"

	"github.com/meshctl/meshctl/pkg/dashboard/layout"
)

// Frame is a picture. Cells are row by row.
type Frame struct {
	Width, Height int
	Cells         []Cell

	view   layout.Rect
	layout *layout.Layout
	owner  []int32
}

// Hit is what is at a place: a node, an edge by its ends, the title of a group's frame, or nothing.
type Hit struct{ Node, From, To, Group string }

// At says what is at a cell of the frame, for the mouse.
func (f *Frame) At(x, y int) Hit {
	if x < 0 || y < 0 || x >= f.Width || y >= f.Height {
		return Hit{}
	}
	at := layout.Point{X: f.view.X + x, Y: f.view.Y + y}
	for _, n := range slices.Backward(f.layout.Nodes) { // a border that two share has the name of the lower one
		if n.Rect.Contains(at) {
			return Hit{Node: n.ID}
		}
	}
	if o := f.owner[y*f.Width+x]; o > 0 {
		r := f.layout.Routes[o-1]
		return Hit{From: r.From, To: r.To}
	}
	for _, frame := range f.layout.Frames {
		if at.Y == frame.Rect.Y && frame.Rect.Contains(at) {
			return Hit{Group: frame.Group}
		}
	}
	return Hit{}
}

// Lines returns the rows, each exactly Width cells wide; with escape sequences for colours, or without any.
func (f *Frame) Lines(color bool) []string {
	out := make([]string, f.Height)
	var b strings.Builder
	for y := range out {
		b.Reset()
		writeRow(&b, f.Cells[y*f.Width:(y+1)*f.Width], color)
		out[y] = b.String()
	}
	return out
}

// Text returns the picture for a file or a pipe: without blanks at the ends of lines.
func (f *Frame) Text(color bool) string {
	var b strings.Builder
	for y := range f.Height {
		row := f.Cells[y*f.Width : (y+1)*f.Width]
		for len(row) > 0 && blank(row[len(row)-1]) && (len(row) < 2 || widthOf(row[len(row)-2].Text) < 2) {
			row = row[:len(row)-1]
		}
		writeRow(&b, row, color)
		b.WriteByte('\n')
	}
	return b.String()
}

func blank(c Cell) bool { return (c.Text == "" || c.Text == " ") && !c.Style.Reverse }
