package draw

import (
	"math"
	"strconv"
	"strings"

	"github.com/meshctl/meshctl/pkg/dashboard/layout"
	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/pkg/topology/tables"
)

// mark is a badge: a sign and how good or bad it is.
type mark struct {
	text string
	ink  Ink
}

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
	p.canvas.put(x+1, y, " ", style)
	used := p.canvas.write(x+2, y, inner-2, p.signs.kinds[n.Kind]+title(n), name)
	p.canvas.put(x+2+used, y, " ", style)
	if split := p.splitOf(n); split != "" && used+width(split)+4 <= inner {
		p.canvas.put(x+r.W-2-width(split)-1, y, " ", style)
		p.canvas.writeRight(x+r.W-2, y, inner, split, Style{Ink: Accent})
		p.canvas.put(x+r.W-2, y, " ", style)
	}
	p.numbers(x+2, x+r.W-2, y+1, n, style)
	p.second(x+2, x+r.W-2, y+2, n, style)
}

// numbers writes how much a node receives, and the share that fails.
func (p *painter) numbers(from, to, y int, n topology.Node, style Style) {
	used := p.canvas.write(from, y, to-from, rate(n.In, n.Out), style)
	if share, ok := n.In.ErrorShare(); ok && share > 0 {
		p.canvas.writeRight(to, y, to-from-used-1, p.signs.errors+topology.Percent(share), Style{Ink: p.ink(Ink(tables.ErrorLevel(n.In)), n.ID), Bold: true})
	}
}

// second writes latency and badges.
func (p *painter) second(from, to, y int, n topology.Node, style Style) {
	text := ""
	switch {
	case gone(n):
		text = "no instances"
	case n.In.P99 != nil:
		text = topology.Milliseconds(n.In.P99)
	}
	used := p.canvas.write(from, y, to-from, text, style)
	p.badges(to, y, to-from-used-1, n)
}

// badges writes as many as there is room for, ending before a column.
func (p *painter) badges(to, y, room int, n topology.Node) {
	for _, m := range p.marks(n) {
		w := width(m.text)
		if w > room {
			return
		}
		to, room = to-w, room-w
		p.canvas.write(to, y, w, m.text, Style{Ink: p.ink(m.ink, n.ID)})
	}
}

// ink is dim for what is in the background.
func (p *painter) ink(i Ink, ids ...string) Ink {
	if p.dim(ids...) {
		return Dim
	}
	return i
}

// marks are the badges of a node, the gravest first.
func (p *painter) marks(n topology.Node) (out []mark) {
	add := func(when bool, text string, ink Ink) {
		if when {
			out = append(out, mark{text, ink})
		}
	}
	g := p.signs
	add(n.Rejected > 0, g.rejected, Bad)
	add(n.Stale > 0, g.stale, Warn)
	if len(n.Findings) > 0 {
		add(true, g.finding, map[string]Ink{"error": Bad, "warning": Warn}[n.Findings[0].Level])
	}
	add(n.Proxies < n.Instances, g.bare, Warn)
	in := p.into[n.ID]
	if in == nil {
		return out
	}
	for _, b := range []topology.Badge{topology.Ejected, topology.Fault, topology.CircuitBreaker, topology.Mirror, topology.Retried, topology.Timeout} {
		add(in.badges[b], g.badges[b], map[topology.Badge]Ink{topology.Ejected: Bad, topology.Fault: Warn}[b])
	}
	add(in.self, g.self, Plain)
	switch {
	case in.secured > 0 && in.open == 0:
		add(true, g.lock, Good)
	case in.secured > 0:
		add(true, g.partly, Warn)
	case in.open > 0:
		add(true, g.open, Warn)
	}
	return out
}

// splitOf compares the shares that routes give to a node with those observed: "90→88%".
func (p *painter) splitOf(n topology.Node) string {
	in := p.into[n.ID]
	if in == nil || in.split == nil {
		return ""
	}
	return whole(in.split.Configured) + p.signs.split + whole(in.split.Observed) + "%"
}

func whole(share float64) string {
	if math.IsNaN(share) {
		return topology.Absent
	}
	return strconv.Itoa(int(math.Round(100 * min(max(share, 0), 1))))
}

func (p *painter) compact(r layout.Rect, n topology.Node, style Style, selected bool) {
	style.Reverse = selected
	for x := r.X; x < r.X+r.W; x++ {
		p.canvas.put(x, r.Y, " ", style)
	}
	p.canvas.put(r.X, r.Y, "[", style)
	p.canvas.put(r.X+r.W-1, r.Y, "]", style)
	end := r.X + r.W - 1
	used := p.canvas.write(r.X+1, r.Y, r.W-2, p.signs.kinds[n.Kind]+title(n), Style{Ink: style.Ink, Bold: true, Reverse: selected})
	room := r.W - 2 - used - 1
	number := rate(n.In, n.Out)
	if w := width(number); w <= room && r.W > narrowCompact {
		p.canvas.writeRight(end, r.Y, room, number, style)
		end, room = end-w-1, room-w-1
	}
	p.badges(end, r.Y, room, n)
}

func (p *painter) dot(r layout.Rect, level Ink, style Style, selected bool) {
	sign := p.signs.dot
	if level == Bad {
		sign = p.signs.badDot
	}
	style.Reverse = selected
	p.canvas.put(r.X, r.Y, sign, style)
}

// rate is how much traffic a node has: requests, or bytes where none are counted.
func rate(in, out topology.Rates) string {
	for _, r := range []topology.Rates{in, out} {
		switch {
		case r.Requests != nil:
			return topology.PerSecond(r.Requests) + "/s"
		case r.Sent != nil || r.Received != nil:
			sum := value(r.Sent) + value(r.Received)
			return strings.Replace(topology.Bytes(&sum), " ", "", 1)
		}
	}
	return topology.Absent
}
