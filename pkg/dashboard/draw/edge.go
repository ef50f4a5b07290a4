package draw

import (
	"cmp"
	"math"
	"slices"

	"github.com/meshctl/meshctl/pkg/dashboard/layout"
	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/pkg/topology/tables"
)

// The ranks of lines: what covers what where they meet.
const (
	idleRank = iota
	plainRank
	warnRank
	badRank
	chosenRank
	borderRank
)

// heavy is the share of the busiest edge's rate from which on an edge is drawn heavily.
const heavy = 0.4

// flowDistance is the number of cells between two marks that move along an edge.
const flowDistance = 5

// routeStyle is how a route looks: that of the worst of its edges.
type routeStyle struct {
	pen    pen
	edges  []*topology.Edge
	flows  bool
	hidden bool
}

// inbound is what a node's badges say about the edges to it.
type inbound struct {
	badges        map[topology.Badge]bool
	self          bool
	secured, open int
	split         *topology.Split
	rate          float64 // of the edge that split is of
}

func value(v *float64) float64 {
	if v == nil || math.IsNaN(*v) || math.IsInf(*v, 0) || *v < 0 {
		return 0
	}
	return *v
}

// readEdges finds the edges of each route and what nodes show of them.
func (p *painter) readEdges() {
	s := p.scene
	p.routes = make([]routeStyle, len(s.Layout.Routes))
	index := make(map[layout.Edge]int, len(s.Layout.Routes))
	for i, r := range s.Layout.Routes {
		index[layout.Edge{From: r.From, To: r.To}] = i
	}
	p.into = make(map[string]*inbound, len(s.Graph.Nodes))
	for i := range s.Graph.Edges {
		e := &s.Graph.Edges[i]
		p.most = max(p.most, value(e.Rates.Requests))
		p.note(e)
		if at, ok := index[layout.Edge{From: e.From, To: e.To}]; ok {
			p.routes[at].edges = append(p.routes[at].edges, e)
		}
	}
	for i := range p.routes {
		p.style(&p.routes[i], int32(i)+1)
	}
}

func (p *painter) note(e *topology.Edge) {
	in := p.into[e.To]
	if in == nil {
		in = &inbound{badges: map[topology.Badge]bool{}}
		p.into[e.To] = in
	}
	for _, b := range e.Badges {
		in.badges[b] = true
	}
	in.self = in.self || e.From == e.To
	switch e.Security {
	case topology.MutualTLS:
		in.secured++
	case topology.PartlyMTLS:
		in.secured++
		in.open++
	case topology.Plaintext:
		in.open++
	}
	// Callers may have different routes: the share of the one that sends most is shown.
	if rate := value(e.Rates.Requests); e.Split != nil && (in.split == nil || rate > in.rate) {
		in.split, in.rate = e.Split, rate
	}
}

// style makes the pen of a route.
func (p *painter) style(r *routeStyle, number int32) {
	r.pen = pen{style: Style{Ink: Dim}, weight: 1, rank: idleRank, route: number}
	r.hidden = true
	dim, chosen := true, false
	for _, e := range r.edges {
		if p.scene.Options.OnlyBad && !e.Wrong(p.nodes[e.To]) && e.Planned == topology.Unchanged {
			continue
		}
		r.hidden = false
		ink, rank := p.judge(e)
		if rank >= r.pen.rank {
			r.pen.style.Ink, r.pen.rank = ink, rank
		}
		if q := value(e.Rates.Requests); q > 0 && q >= heavy*p.most {
			r.pen.weight = 2
		}
		r.flows = r.flows || busy(e.Rates)
		chosen = chosen || p.chosen(e)
		dim = dim && p.dim(e.From, e.To)
	}
	selection := p.scene.Selection != Selection{}
	switch {
	case chosen:
		r.pen.rank, r.pen.style.Bold = chosenRank, true
		if r.pen.style.Ink == Plain || r.pen.style.Ink == Dim {
			r.pen.style.Ink = Accent
		}
	case dim || selection:
		r.pen.rank, r.pen.style = idleRank, Style{Ink: Dim}
	}
}

func (p *painter) chosen(e *topology.Edge) bool {
	s := p.scene.Selection
	return s.Node != "" && (e.From == s.Node || e.To == s.Node) || s.From != "" && e.From == s.From && e.To == s.To
}

// judge is the colour of an edge.
func (p *painter) judge(e *topology.Edge) (Ink, uint8) {
	switch e.Planned {
	case topology.Added:
		return Good, badRank
	case topology.Removed:
		return Bad, badRank
	case topology.Reweighted:
		return Accent, badRank
	case topology.Unchanged:
	}
	if p.scene.Options.MTLS {
		switch e.Security {
		case topology.MutualTLS:
			return Good, plainRank
		case topology.PartlyMTLS:
			return Warn, warnRank
		case topology.Plaintext:
			return Bad, badRank
		}
		return Dim, idleRank
	}
	switch Ink(tables.ErrorLevel(e.Rates)) {
	case Bad:
		return Bad, badRank
	case Warn:
		return Warn, warnRank
	}
	if busy(e.Rates) {
		return Plain, plainRank
	}
	return Dim, idleRank
}

// drawEdges draws all routes, what matters most last.
func (p *painter) drawEdges() {
	order := make([]int, 0, len(p.routes))
	for i := range p.routes {
		if !p.routes[i].hidden && len(p.scene.Layout.Routes[i].Points) > 0 {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p.routes[a].pen.rank, p.routes[b].pen.rank) })
	for _, i := range order {
		p.route(p.scene.Layout.Routes[i], p.routes[i])
	}
	for _, i := range slices.Backward(order) {
		p.label(p.scene.Layout.Routes[i], &p.routes[i])
	}
	for _, i := range order { // around the labels
		p.flow(p.scene.Layout.Routes[i], p.routes[i])
	}
	for _, i := range order {
		p.arrow(p.scene.Layout.Routes[i], p.routes[i])
	}
}

func (p *painter) route(r layout.Route, s routeStyle) {
	for k := 1; k < len(r.Points); k++ {
		p.canvas.line(r.Points[k-1], r.Points[k], s.pen)
	}
	// The border of the source's box gets a branch, if it is one.
	first := r.Points[0]
	away, out := right, layout.Point{X: first.X - 1, Y: first.Y}
	if from, ok := p.scene.Layout.Node(r.From); ok && from.Rect.X > first.X {
		away, out = left, layout.Point{X: first.X + 1, Y: first.Y}
	}
	p.canvas.arm(first.X, first.Y, away.opposite(), s.pen)
	if i, ok := p.canvas.at(out.X, out.Y); ok && p.canvas.arms[i] != 0 {
		p.canvas.arms[i] = p.canvas.arms[i].with(away, s.pen.weight)
	}
}

// arrow ends a route at its target.
func (p *painter) arrow(r layout.Route, s routeStyle) {
	last := r.Points[len(r.Points)-1]
	sign := p.signs.right
	if to, ok := p.scene.Layout.Node(r.To); ok && to.Rect.X < last.X {
		sign = p.signs.left
	}
	i, ok := p.canvas.at(last.X, last.Y)
	if !ok {
		return
	}
	if rank := p.canvas.rank[i]; p.canvas.cells[i].Text != "" && rank > s.pen.rank {
		return
	}
	p.canvas.put(last.X, last.Y, sign, s.pen.style)
	p.canvas.rank[i], p.canvas.owner[i] = s.pen.rank, s.pen.route
}

// flow puts marks along a route that has traffic.
func (p *painter) flow(r layout.Route, s routeStyle) {
	if p.scene.Options.Phase <= 0 || !s.flows {
		return
	}
	phase, distance := p.scene.Options.Phase%flowDistance, 0
	for k := 1; k < len(r.Points); k++ {
		from, to := r.Points[k-1], r.Points[k]
		d, dx, dy := heading(from, to)
		length := max(to.X-from.X, from.X-to.X) + max(to.Y-from.Y, from.Y-to.Y)
		visible := layout.Rect{X: min(from.X, to.X), Y: min(from.Y, to.Y), W: max(from.X, to.X) - min(from.X, to.X) + 1, H: max(from.Y, to.Y) - min(from.Y, to.Y) + 1}
		for i := (phase - distance%flowDistance + flowDistance) % flowDistance; i < length && p.visible(visible); i += flowDistance {
			x, y := from.X+dx*i, from.Y+dy*i
			if at, ok := p.canvas.at(x, y); ok && p.canvas.arms[at].straight() {
				p.canvas.put(x, y, p.signs.flow[d], p.canvas.cells[at].Style)
			}
		}
		distance += length
	}
}
