package export

import (
	"fmt"
	"strings"
	"time"

	"github.com/meshctl/meshctl/pkg/dashboard/draw"
	"github.com/meshctl/meshctl/pkg/dashboard/layout"
	"github.com/meshctl/meshctl/pkg/topology"
)

// The size of a cell in pixels.
const cellWidth, cellHeight = 8, 17

const style = `text{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;fill:#1e293b}
.name{font-weight:bold}.frame{fill:#f8fafc;stroke:#cbd5e1;stroke-dasharray:4 3}.group{fill:#64748b}
.node{fill:#fff;stroke:#64748b}.edge{fill:none;stroke:#64748b;stroke-width:1.5}.heavy{stroke-width:3.5}
.label{font-size:11px}.halo{fill:#fff;opacity:.85}
.edge.good{stroke:#15803d}.edge.warn{stroke:#d97706}.edge.bad{stroke:#dc2626}.edge.dim{stroke:#cbd5e1}.edge.accent{stroke:#0369a1}
.node.good{stroke:#15803d}.node.warn{stroke:#d97706}.node.bad{stroke:#dc2626;stroke-width:2}.node.dim{stroke:#cbd5e1}
text.good{fill:#15803d}text.warn{fill:#b45309}text.bad{fill:#dc2626}text.dim{fill:#94a3b8}text.accent{fill:#0369a1}
marker path{fill:#64748b}`

// SVG draws the topology as a document of its own.
func SVG(g topology.Graph, o draw.Options) string {
	return `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + picture(g, o)
}

type svg struct {
	strings.Builder
	graph   topology.Graph
	layout  *layout.Layout
	content draw.Content
}

func picture(g topology.Graph, o draw.Options) string {
	o.Zoom, o.Narrow, o.ASCII, o.Phase = draw.Full, false, false, 0
	s := &svg{graph: g, layout: draw.Arrange(g, o, nil)}
	s.content = draw.Read(g, s.layout, o)
	b := s.layout.Bounds
	x, y, w, h := (b.X-1)*cellWidth, (b.Y-1)*cellHeight, (b.W+2)*cellWidth, (b.H+2)*cellHeight
	fmt.Fprintf(s, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="%d %d %d %d" width="%d" height="%d" role="img">`+"\n", x, y, w, h, w, h)
	fmt.Fprintf(s, "<title>Topology of %s over %s</title>\n<style>%s</style>\n", g.Time.UTC().Format("2006-01-02 15:04:05 MST"), g.Window.Round(100*time.Millisecond), style)
	s.markers()
	fmt.Fprintf(s, `<rect x="%d" y="%d" width="%d" height="%d" fill="#fff"/>`+"\n", x, y, w, h)
	for _, f := range s.layout.Frames {
		s.frame(f)
	}
	for i, r := range s.layout.Routes {
		s.edge(r, s.content.Edges[i])
	}
	for _, n := range s.layout.Nodes {
		s.node(n)
	}
	s.WriteString("</svg>\n")
	return s.String()
}

func class(i draw.Ink) string {
	return [...]string{"plain", "good", "warn", "bad", "dim", "accent"}[min(int(i), 5)]
}

// markers are the heads of arrows, one for each colour.
func (s *svg) markers() {
	s.WriteString("<defs>")
	for _, m := range [][2]string{{"plain", "#64748b"}, {"good", "#15803d"}, {"warn", "#d97706"}, {"bad", "#dc2626"}, {"dim", "#cbd5e1"}, {"accent", "#0369a1"}} {
		fmt.Fprintf(s, `<marker id="%s" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto">`+
			`<path d="M0 0L8 4L0 8z" style="fill:%s"/></marker>`, m[0], m[1])
	}
	s.WriteString("</defs>\n")
}

func (s *svg) frame(f layout.Frame) {
	r := f.Rect
	fmt.Fprintf(s, `<rect class="frame" x="%d" y="%d" width="%d" height="%d" rx="6"/>`, r.X*cellWidth, r.Y*cellHeight+cellHeight/2, r.W*cellWidth, (r.H-1)*cellHeight)
	s.text(r.X+1, r.Y, "group", draw.Shorten(f.Group, r.W-2))
	s.WriteByte('\n')
}

// text writes at the start of a cell.
func (s *svg) text(x, y int, classes, text string) {
	if text != "" {
		fmt.Fprintf(s, `<text class="%s" x="%d" y="%d">%s</text>`, classes, x*cellWidth, y*cellHeight+12, escape(text))
	}
}

// textEnd writes so that the text ends before a cell.
func (s *svg) textEnd(x, y int, classes, text string) {
	if text != "" {
		fmt.Fprintf(s, `<text class="%s" text-anchor="end" x="%d" y="%d">%s</text>`, classes, x*cellWidth, y*cellHeight+12, escape(text))
	}
}

func (s *svg) edge(r layout.Route, stroke draw.Stroke) {
	if len(r.Points) == 0 || stroke.Hidden {
		return
	}
	points := make([]string, len(r.Points))
	last := len(r.Points) - 1
	for i, p := range r.Points {
		x, y := p.X*cellWidth+cellWidth/2, p.Y*cellHeight+cellHeight/2
		if i == 0 || i == last { // up to the box
			x += s.toBox(r, p, i == last)
		}
		points[i] = fmt.Sprintf("%d,%d", x, y)
	}
	classes := "edge " + class(stroke.Ink)
	if stroke.Heavy {
		classes += " heavy"
	}
	fmt.Fprintf(s, `<g><title>%s</title><polyline class="%s" points="%s" marker-end="url(#%s)"/>`, escape(s.about(r)), classes, strings.Join(points, " "), class(stroke.Ink))
	if before := r.Points[last-1]; stroke.Label != "" && r.Points[last].X > before.X {
		fmt.Fprintf(s, `<text class="label %s" text-anchor="end" x="%d" y="%d">%s</text>`,
			class(stroke.Ink), r.Points[last].X*cellWidth-2, r.Points[last].Y*cellHeight+5, escape(stroke.Label))
	}
	s.WriteString("</g>\n")
}

// toBox is how far the end of a route is from the box at that end.
func (s *svg) toBox(r layout.Route, p layout.Point, atTarget bool) int {
	id := r.From
	if atTarget {
		id = r.To
	}
	n, _ := s.layout.Node(id)
	if n.Rect.X > p.X {
		return cellWidth
	}
	return -cellWidth
}

func (s *svg) about(r layout.Route) string {
	for _, e := range s.graph.Edges {
		if e.From == r.From && e.To == r.To {
			return about(e)
		}
	}
	return r.From + " to " + r.To
}

func (s *svg) node(n layout.Placed) {
	c, r := s.content.Nodes[n.ID], n.Rect
	level := c.Level
	if level == draw.Good {
		level = draw.Plain
	}
	tip := []string{n.ID}
	for _, b := range c.Badges {
		tip = append(tip, b.Meaning)
	}
	fmt.Fprintf(s, `<g><title>%s</title><rect class="node %s" x="%d" y="%d" width="%d" height="%d" rx="4"/>`, escape(strings.Join(tip, ", ")), class(level),
		r.X*cellWidth, r.Y*cellHeight+cellHeight/2, r.W*cellWidth, (r.H-1)*cellHeight)
	s.text(r.X+1, r.Y+1, "name "+class(c.Level), draw.Shorten(c.Title, r.W-2))
	room := r.W - 2
	s.text(r.X+1, r.Y+2, "number", draw.Shorten(strings.Join(nonEmpty(c.Rate, c.Latency), " "), room))
	s.textEnd(r.X+r.W-1, r.Y+1, "accent", c.Split)
	var signs strings.Builder
	for _, b := range c.Badges {
		signs.WriteString(b.Sign)
	}
	s.textEnd(r.X+r.W-1, r.Y+2, class(worst(c.Badges)), draw.Shorten(strings.Join(nonEmpty(c.Errors, signs.String()), " "), room))
	s.WriteString("</g>\n")
}

func worst(badges []draw.Mark) draw.Ink {
	out := draw.Plain
	for _, b := range badges {
		if b.Ink == draw.Bad || b.Ink == draw.Warn && out != draw.Bad {
			out = b.Ink
		}
	}
	return out
}

func nonEmpty(texts ...string) (out []string) {
	for _, t := range texts {
		if t != "" {
			out = append(out, t)
		}
	}
	return out
}
