package ui

import (
	"slices"

	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/dashboard/draw"
	"github.com/meshctl/meshctl/pkg/dashboard/layout"
	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/pkg/topology/tables"
)

// drawing is how a picture of the topology is looked at.
type drawing struct {
	options draw.Options
	folds   topology.Folds
	// zoomed says that the user has chosen a zoom; else the picture is as near as it fits.
	zoomed bool
	// bare says that the picture only fits without labels on edges.
	bare bool
	// x, y is the upper left corner that the user has moved to.
	x, y  int
	moved bool
	// today leaves out what a planned change would do.
	today bool
}

func (d drawing) nextLabel() drawing {
	d.options.Labels, d.bare = d.options.Labels.Next(), false
	return d
}

func (d drawing) toggleTLS() drawing  { d.options.MTLS = !d.options.MTLS; return d }
func (d drawing) togglePlan() drawing { d.today = !d.today; return d }
func (d drawing) nextLevel() drawing {
	d.folds, d.moved = topology.Folds{Level: d.folds.Level.Next()}, false
	return d
}

func (d drawing) closer() drawing {
	d.options.Zoom, d.zoomed = max(d.options.Zoom-1, draw.Full), true
	return d
}

func (d drawing) farther() drawing {
	d.options.Zoom, d.zoomed = min(d.options.Zoom+1, draw.Dot), true
	return d
}

// fit shows all of the picture again.
func (d drawing) fit() drawing {
	d.zoomed, d.moved = false, false
	return d
}

// draw changes how the picture is looked at.
func (m Model) draw(change func(drawing) drawing) Model {
	if m.top().view != topologyView {
		return m
	}
	return m.edit(func(p *page) { p.drawing = change(p.drawing) }).arrange()
}

// arranged is a layout and what it was made for: numbers change every second, places only with what is placed.
type arranged struct {
	graph  topology.Graph // collapsed and filtered
	layout *layout.Layout
	zoom   draw.Options
	asked  draw.Options // of the page, before the best zoom was found
	size   [2]int
}

// arrange makes the layout anew if what it shows has changed. What stays keeps its place.
func (m Model) arrange() Model {
	p := m.top()
	if p.view != topologyView || m.graph.Time.IsZero() {
		return m
	}
	g := p.drawing.folds.Apply(m.graph)
	if p.drawing.today {
		g = g.Today()
	}
	if p.hide {
		g = p.expr.Keep(g)
	}
	o := p.drawing.options
	o.ASCII, o.Colorless, o.Planned = m.ascii, m.plain, m.graph.Plan != nil
	before := m.arranged
	asked, size, same := o, [2]int{m.width, m.bodyHeight()}, before.layout != nil && alike(before.graph, g)
	switch {
	case same && !p.drawing.zoomed && before.size == size && before.asked.Labels == o.Labels:
		o.Zoom, o.Narrow, o.Labels = before.zoom.Zoom, before.zoom.Narrow, before.zoom.Labels
	case !p.drawing.zoomed:
		o = m.best(g, o)
		m = m.edit(func(p *page) {
			p.drawing.options.Zoom, p.drawing.options.Narrow, p.drawing.bare = o.Zoom, o.Narrow, o.Labels == draw.NoLabels
		})
	case p.drawing.bare:
		o.Labels = draw.NoLabels
	}
	m.arranged = arranged{g, before.layout, o, asked, size}
	if !same || before.zoom.Zoom != o.Zoom || before.zoom.Narrow != o.Narrow || before.zoom.Labels != o.Labels {
		m.arranged.layout = draw.Arrange(g, o, before.layout)
	}
	return m
}

// mostTried is how many nodes a picture may have for which several zooms are tried; no screen has room for the names of more.
const mostTried = 300

// mostNamed is how many nodes are shown with names even if not all of them fit.
const mostNamed = 60

// best is the nearest zoom at which all is visible: rather without labels on edges than with nodes that say less themselves.
func (m Model) best(g topology.Graph, o draw.Options) draw.Options {
	if len(g.Nodes) > mostTried {
		o.Zoom, o.Narrow, o.Labels = draw.Dot, false, draw.NoLabels
		return o
	}
	found := draw.Best(g, o, m.width, m.bodyHeight())
	if found.Zoom == draw.Full || o.Labels == draw.NoLabels {
		return found
	}
	o.Labels = draw.NoLabels
	if bare := draw.Best(g, o, m.width, m.bodyHeight()); bare.Zoom < found.Zoom {
		found = bare
	}
	if found.Zoom == draw.Dot && len(g.Nodes) <= mostNamed { // names that one has to pan for are better than none
		found.Labels = draw.NoLabels
		found.Zoom, found.Narrow = draw.Compact, true
	}
	return found
}

// alike graphs have the same nodes and edges.
func alike(a, b topology.Graph) bool {
	return slices.EqualFunc(a.Nodes, b.Nodes, func(a, b topology.Node) bool { return a.ID == b.ID && a.Service == b.Service && a.Name == b.Name }) &&
		slices.EqualFunc(a.Edges, b.Edges, func(a, b topology.Edge) bool { return a.From == b.From && a.To == b.To })
}

// frame is the picture as the page shows it.
func (m Model) frame(p page) *draw.Frame {
	a := m.arranged
	o := a.zoom
	o.ASCII, o.Colorless, o.OnlyBad, o.Phase = m.ascii, m.plain, p.bad, m.phase
	if p.filter != "" && !p.hide {
		found := p.expr.Find(a.graph)
		o.Found = func(id string) bool { return found.Nodes[id] || found.Ends[id] }
	}
	return draw.Draw(draw.Scene{Graph: a.graph, Layout: a.layout, Viewport: m.viewport(p), Selection: m.selection(p), Options: o})
}

func (m Model) viewport(p page) draw.Viewport {
	v := draw.Fit(m.arranged.layout, m.width, m.bodyHeight())
	if p.drawing.moved {
		v.X, v.Y = p.drawing.x, p.drawing.y
	}
	return v
}

func (m Model) selection(p page) draw.Selection {
	if e, ok := m.edge(p.cursor); ok {
		return draw.Selection{From: e.From, To: e.To}
	}
	return draw.Selection{Node: p.cursor}
}

// picture draws the topology.
func (m Model) picture(p page) []string {
	if m.arranged.layout == nil || len(m.arranged.graph.Nodes) == 0 {
		return m.list(printer.Sheet{}, p, m.width, m.bodyHeight())
	}
	return m.frame(p).Lines(true)
}

// walk chooses the next node in a direction: the nearest whose middle lies there, and rather straight ahead than near.
func (m Model) walk(x, y int) Model {
	a := m.arranged
	if a.layout == nil || len(a.layout.Nodes) == 0 {
		return m
	}
	p := m.top()
	at := slices.IndexFunc(a.layout.Nodes, func(n layout.Placed) bool { return n.ID == p.cursor })
	if at < 0 {
		return m.choose(a.layout.Nodes[0])
	}
	from, best, least := a.layout.Nodes[at].Rect, -1, 0
	for i, n := range a.layout.Nodes {
		ahead, aside := step(from, n.Rect, x, y)
		if i != at && ahead > 0 && (best < 0 || ahead+3*aside < least) {
			best, least = i, ahead+3*aside
		}
	}
	if best < 0 {
		return m
	}
	return m.choose(a.layout.Nodes[best])
}

// step is how far the middle of a rectangle lies ahead in a direction, and how far beside it. Cells are twice as high as wide.
func step(from, to layout.Rect, x, y int) (ahead, aside int) {
	dx, dy := to.X+to.W/2-from.X-from.W/2, 2*(to.Y+to.H/2-from.Y-from.H/2)
	switch {
	case x != 0:
		return sign(x) * dx, max(dy, -dy)
	default:
		return sign(y) * dy, max(dx, -dx)
	}
}

func sign(v int) int {
	if v < 0 {
		return -1
	}
	return 1
}

// choose puts the cursor on a node and moves the picture so that it is seen.
func (m Model) choose(n layout.Placed) Model {
	v := m.viewport(m.top())
	shown := v.Show(n.Rect)
	return m.edit(func(p *page) {
		p.cursor = n.ID
		if shown != v {
			p.drawing.x, p.drawing.y, p.drawing.moved = shown.X, shown.Y, true
		}
	})
}

// pan moves the picture.
func (m Model) pan(dx, dy int) Model {
	if m.arranged.layout == nil {
		return m
	}
	v := m.viewport(m.top()).Pan(m.arranged.layout, dx, dy)
	return m.edit(func(p *page) { p.drawing.x, p.drawing.y, p.drawing.moved = v.X, v.Y, true })
}

// pointed is the id of what is at a cell of the picture.
func (m Model) pointed(x, y int) string {
	if m.arranged.layout == nil {
		return ""
	}
	hit := m.frame(m.top()).At(x, y)
	if hit.Node != "" {
		return hit.Node
	}
	for _, e := range tables.Edges(m.arranged.graph) {
		if e.From == hit.From && e.To == hit.To && hit.From != "" {
			return edgeID(e.Edge)
		}
	}
	return ""
}
