// Package draw makes pictures of a mesh's traffic out of character cells. Everything in it is a function of its arguments: the caller has the
// clock, the keys and the terminal.
//
//	l := draw.Arrange(graph, options, previous)   // where everything is; the previous layout keeps things in place
//	v := draw.Fit(l, width, height)               // what of it is visible
//	f := draw.Draw(draw.Scene{Graph: graph, Layout: l, Viewport: v, Options: options})
//	f.Lines(color), f.At(x, y)
package draw

import (
	"github.com/meshctl/meshctl/pkg/dashboard/layout"
	"github.com/meshctl/meshctl/pkg/topology"
)

// Zoom is how much of a node is shown.
type Zoom int

// The levels of zoom, from near to far.
const (
	Full    Zoom = iota // a box of four lines: name, rates, badges
	Compact             // one line: name, rate, badges
	Dot                 // one sign
)

// Labels say what is written on edges.
type Labels string

// The labels of edges, in the order of NextLabels.
const (
	NoLabels     Labels = ""
	RateLabels   Labels = "rate"
	ErrorLabels  Labels = "errors"
	LatencyLabel Labels = "p99"
	ByteLabels   Labels = "bytes"
)

// Next is what follows in a round through all of them.
func (l Labels) Next() Labels {
	return map[Labels]Labels{NoLabels: RateLabels, RateLabels: ErrorLabels, ErrorLabels: LatencyLabel, LatencyLabel: ByteLabels}[l]
}

// Options are how a picture looks. Zoom, Narrow, Labels and ASCII also matter to Arrange.
type Options struct {
	Zoom Zoom
	// Narrow cuts names short so that more layers fit on a small screen.
	Narrow bool
	Labels Labels
	// MTLS colours edges by how they are secured instead of by errors.
	MTLS bool
	// OnlyBad leaves out edges with which nothing is wrong (see topology.Edge.Wrong). Nodes stay where they are.
	OnlyBad bool
	// ASCII is for terminals without Unicode; Colorless adds signs where colours alone would tell.
	ASCII, Colorless bool
	// Phase moves marks along the edges, one cell each time it grows by one; negative or zero shows none.
	Phase int
	// Planned leaves room for what a planned change does to edges, also while the graph shows none.
	Planned bool
	// Found is what a search has found: everything else is dim. Nil dims nothing.
	Found func(id string) bool
}

// Selection is what the user has chosen: a node, or an edge by its ends.
type Selection struct{ Node, From, To string }

// Scene is all that a picture is made of. The layout is one that Arrange made for the same graph, or for one with the same nodes.
type Scene struct {
	Graph     topology.Graph
	Layout    *layout.Layout
	Viewport  Viewport
	Selection Selection
	Options   Options
}

// Arrange lays out a graph. The previous layout may be nil.
func Arrange(g topology.Graph, o Options, previous *layout.Layout) *layout.Layout {
	o.Planned = o.Planned || g.Plan != nil
	return layout.Compute(measure(g, o), distances(o), previous)
}

// Draw makes the picture. A viewport without cells gives an empty frame.
func Draw(s Scene) *Frame {
	p := newPainter(s)
	p.canvas = newCanvas(s.Viewport.rect(), p.signs)
	for _, n := range s.Layout.Nodes {
		p.node(n)
	}
	p.drawEdges()
	for _, f := range s.Layout.Frames {
		p.frame(f)
	}
	p.canvas.finish()
	return &Frame{Width: p.canvas.view.W, Height: p.canvas.view.H, Cells: p.canvas.cells, view: p.canvas.view, layout: s.Layout, owner: p.canvas.owner}
}

func newPainter(s Scene) *painter {
	p := &painter{scene: s, signs: glyphsOf(s.Options.ASCII), nodes: make(map[string]*topology.Node, len(s.Graph.Nodes))}
	for i := range s.Graph.Nodes {
		p.nodes[s.Graph.Nodes[i].ID] = &s.Graph.Nodes[i]
	}
	p.readEdges()
	return p
}

// painter draws one scene.
type painter struct {
	scene  Scene
	signs  *glyphs
	canvas *canvas
	nodes  map[string]*topology.Node
	routes []routeStyle        // as Layout.Routes
	into   map[string]*inbound // by node
	most   float64             // requests per second on an edge
}

// dim reports whether something is in the background: a search has found none of these nodes.
func (p *painter) dim(ids ...string) bool {
	if p.scene.Options.Found == nil {
		return false
	}
	for _, id := range ids {
		if p.scene.Options.Found(id) {
			return false
		}
	}
	return true
}

func (p *painter) frame(f layout.Frame) {
	r, style := f.Rect, Style{Ink: Dim}
	if r.W < 2 || r.H < 2 {
		return
	}
	title := f.Group
	if r.H >= 2 && r.W > 4 && r.Y >= p.canvas.view.Y && r.Y < p.canvas.view.Y+p.canvas.view.H {
		x := max(r.X, p.canvas.view.X) + 2 // the title stays visible
		if room := r.X + r.W - 2 - x; room > 0 {
			p.canvas.fill(x, r.Y, " "+title+" ", room, style)
		}
	}
	for x := max(r.X+1, p.canvas.view.X); x < min(r.X+r.W-1, p.canvas.view.X+p.canvas.view.W); x++ {
		p.canvas.under(x, r.Y, p.signs.frameRow, style)
		p.canvas.under(x, r.Y+r.H-1, p.signs.frameRow, style)
	}
	for y := max(r.Y+1, p.canvas.view.Y); y < min(r.Y+r.H-1, p.canvas.view.Y+p.canvas.view.H); y++ {
		p.canvas.under(r.X, y, p.signs.frameColumn, style)
		p.canvas.under(r.X+r.W-1, y, p.signs.frameColumn, style)
	}
	for i, at := range [4]layout.Point{{X: r.X, Y: r.Y}, {X: r.X + r.W - 1, Y: r.Y}, {X: r.X, Y: r.Y + r.H - 1}, {X: r.X + r.W - 1, Y: r.Y + r.H - 1}} {
		p.canvas.under(at.X, at.Y, p.signs.frameCorners[i], style)
	}
}
