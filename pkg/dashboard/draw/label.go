package draw

import (
	"github.com/meshctl/meshctl/pkg/dashboard/layout"
	"github.com/meshctl/meshctl/pkg/topology"
)

// label writes on a route what the options ask for, on a piece that no other route shares; without room, nothing.
func (p *painter) label(r layout.Route, s *routeStyle) {
	text := p.labelOf(s)
	if text == "" {
		return
	}
	n := width(text)
	for k := len(r.Points) - 1; k > 0; k-- { // from the target on: there it says most
		a, b := r.Points[k-1], r.Points[k]
		if a.Y != b.Y {
			continue
		}
		from, to := min(a.X, b.X), max(a.X, b.X)
		if x, ok := p.room(from, to, a.Y, n, s.pen.route); ok {
			p.canvas.write(x, a.Y, n, text, s.pen.style)
			return
		}
	}
}

// room finds n cells in a row, from right to left, in which only one route runs straight on, with such a cell on both sides.
func (p *painter) room(from, to, y, n int, route int32) (int, bool) {
	from, to = max(from, p.canvas.view.X), min(to, p.canvas.view.X+p.canvas.view.W-1)
	run := 0
	for x := to; x >= from; x-- {
		i, ok := p.canvas.at(x, y)
		if ok && p.canvas.owner[i] == route && !p.canvas.mixed[i] && p.canvas.arms[i].straight() {
			if run++; run >= n+1 {
				return x + 1, true
			}
			continue
		}
		run = 0
	}
	return 0, false
}

func (p *painter) labelOf(s *routeStyle) string {
	var text string
	for _, e := range s.edges {
		switch {
		case e.Planned != topology.Unchanged:
			return p.planned(e)
		case p.scene.Options.MTLS:
			if word := p.secured(e); text == "" || e.Security != topology.MutualTLS {
				text = word
			}
		default:
			if text == "" {
				text = p.number(e.Rates)
			}
		}
	}
	return text
}

// planned is what a change would make of an edge: "+20%", "80→50%", "−80%".
func (p *painter) planned(e *topology.Edge) string {
	switch {
	case e.Planned == topology.Added:
		return p.signs.added + e.Change.Text(p.signs.split)
	case e.Planned == topology.Removed && e.Change != nil:
		return p.signs.removed + (&topology.Change{After: e.Change.Before, Some: e.Change.Some}).Text(p.signs.split)
	case e.Planned == topology.Removed:
		return p.signs.removed
	}
	return e.Change.Text(p.signs.split)
}

func (p *painter) secured(e *topology.Edge) string {
	switch e.Security {
	case topology.MutualTLS:
		return p.signs.lock
	case topology.PartlyMTLS:
		return p.signs.partly
	case topology.Plaintext:
		return p.signs.open
	}
	return ""
}

func (p *painter) number(r topology.Rates) string {
	share, failed := r.ErrorShare()
	failed = failed && share >= 0.001
	switch p.scene.Options.Labels {
	case RateLabels:
		if r.Requests != nil {
			return topology.PerSecond(r.Requests)
		}
	case ErrorLabels:
		if failed {
			return topology.Percent(share)
		}
		return ""
	case LatencyLabel:
		if r.P99 != nil {
			return topology.Milliseconds(r.P99)
		}
	case ByteLabels:
		if r.Sent != nil || r.Received != nil {
			return rate(topology.Rates{Sent: r.Sent, Received: r.Received}, topology.Rates{})
		}
	case NoLabels:
	}
	if failed && p.scene.Options.Colorless {
		return p.signs.errors
	}
	return ""
}
