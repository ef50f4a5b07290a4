package draw

import (
	"github.com/meshctl/meshctl/pkg/dashboard/layout"
	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/pkg/topology/tables"
)

// node draws a node in its place, if that is visible.
func (p *painter) node(at layout.Placed) {
	n, ok := p.nodes[at.ID]
	if !ok || !p.visible(at.Rect) {
		return
	}
	level := p.level(*n)
	style := Style{Ink: level}
	if level == Good {
		style.Ink = Plain
	}
	selected := p.scene.Selection.Node == n.ID
	switch {
	case selected:
		style = Style{Ink: Accent, Bold: true}
	case p.dim(n.ID):
		style = Style{Ink: Dim}
	}
	switch {
	case at.Rect.H >= 4 && at.Rect.W >= 8:
		p.box(at.Rect, *n, style, selected)
	case at.Rect.W > 4:
		p.compact(at.Rect, *n, style, selected)
	default:
		p.dot(at.Rect, level, style, selected)
	}
}

func (p *painter) visible(r layout.Rect) bool {
	v := p.canvas.view
	return r.X < v.X+v.W && r.X+r.W > v.X && r.Y < v.Y+v.H && r.Y+r.H > v.Y
}

// level judges a node by what it answers and by its proxies.
func (p *painter) level(n topology.Node) Ink {
	level := Ink(tables.ErrorLevel(n.In))
	switch {
	case n.Rejected > 0 || gone(n):
		return Bad
	case n.Stale > 0 && level != Bad:
		return Warn
	case level == Dim && busy(n.Out):
		return Plain
	}
	return level
}

// gone reports whether all instances of a workload are away.
func gone(n topology.Node) bool {
	return n.Instances == 0 && (n.Kind == topology.Workload || n.Kind == topology.Gateway)
}

func busy(r topology.Rates) bool {
	return r.Requests != nil && *r.Requests > 0 || r.Sent != nil && *r.Sent > 0 || r.Received != nil && *r.Received > 0
}

func (p *painter) box(r layout.Rect, n topology.Node, style Style, selected bool) {
	x, y, inner := r.X, r.Y, r.W-2
	for row := y + 1; row < y+r.H-1; row++ {
		for col := x + 1; col < x+r.W-1; col++ {
			p.canvas.put(col, row, " ", style)
		}
	}
	border := pen{style: Style{Ink: style.Ink, Bold: style.Bold}, weight: 1, rank: borderRank}
	if style.Bold || style.Ink == Bad {
		border.rank++
	}
	if selected && p.scene.Options.Colorless {
		border.weight = 2
	}
	corners := []layout.Point{{X: x, Y: y}, {X: x + r.W - 1, Y: y}, {X: x + r.W - 1, Y: y + r.H - 1}, {X: x, Y: y + r.H - 1}}
	for i, c := range corners {
		p.canvas.line(c, corners[(i+1)%4], border)
	}
	name := Style{Ink: style.Ink, Bold: true, Reverse: selected}
	c := p.caption(n)
	p.canvas.put(x+1, y, " ", style)
	used := p.canvas.write(x+2, y, inner-2, c.Title, name)
	p.canvas.put(x+2+used, y, " ", style)
	split := width(c.Split)
	if split > 0 && used+split+4 <= inner {
		p.canvas.put(x+r.W-3-split, y, " ", style)
		p.canvas.writeRight(x+r.W-2, y, inner, c.Split, Style{Ink: Accent})
		p.canvas.put(x+r.W-2, y, " ", style)
		split = 0
	}
	from, to := x+2, x+r.W-2
	used = p.canvas.write(from, y+1, to-from, c.Rate, style)
	p.canvas.writeRight(to, y+1, to-from-used-1, c.Errors, Style{Ink: p.ink(Ink(tables.ErrorLevel(n.In)), n.ID), Bold: true})
	if split > 0 && c.Errors == "" && used+1+split <= to-from { // a narrow box has no room for it beside the name
		p.canvas.writeRight(to, y+1, split, c.Split, Style{Ink: p.ink(Accent, n.ID)})
	}
	used = p.canvas.write(from, y+2, to-from, c.Latency, style)
	p.badges(to, y+2, to-from-used-1, n.ID, c.Badges)
}

// badges writes as many as there is room for, ending before a column.
func (p *painter) badges(to, y, room int, id string, all []Mark) {
	for _, m := range all {
		w := width(m.Sign)
		if w > room {
			return
		}
		to, room = to-w, room-w
		p.canvas.write(to, y, w, m.Sign, Style{Ink: p.ink(m.Ink, id)})
	}
}

// ink is dim for what is in the background.
func (p *painter) ink(i Ink, ids ...string) Ink {
	if p.dim(ids...) {
		return Dim
	}
	return i
}

func (p *painter) compact(r layout.Rect, n topology.Node, style Style, selected bool) {
	style.Reverse = selected
	for x := r.X; x < r.X+r.W; x++ {
		p.canvas.put(x, r.Y, " ", style)
	}
	p.canvas.put(r.X, r.Y, "[", style)
	p.canvas.put(r.X+r.W-1, r.Y, "]", style)
	end := r.X + r.W - 1
	c := p.caption(n)
	used := p.canvas.write(r.X+1, r.Y, r.W-2, c.Title, Style{Ink: style.Ink, Bold: true, Reverse: selected})
	room := r.W - 2 - used - 1
	if w := width(c.Rate); w <= room && r.W > narrowCompact {
		p.canvas.writeRight(end, r.Y, room, c.Rate, style)
		end, room = end-w-1, room-w-1
	}
	p.badges(end, r.Y, room, n.ID, c.Badges)
	if grave := gravest(c.Badges); width(grave.Sign) == 1 && width(grave.Sign) > room { // it has to be seen, so that it ends the box
		p.canvas.write(r.X+r.W-1, r.Y, 1, grave.Sign, Style{Ink: p.ink(grave.Ink, n.ID), Bold: true})
	}
}

// gravest is the first badge if it says that something is wrong.
func gravest(all []Mark) Mark {
	if len(all) > 0 && (all[0].Ink == Bad || all[0].Ink == Warn) {
		return all[0]
	}
	return Mark{}
}

func (p *painter) dot(r layout.Rect, level Ink, style Style, selected bool) {
	sign := p.signs.dot
	if level == Bad {
		sign = p.signs.badDot
	}
	style.Reverse = selected
	p.canvas.put(r.X, r.Y, sign, style)
}
