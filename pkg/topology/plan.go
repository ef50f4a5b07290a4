package topology

import (
	"fmt"
	"math"
	"slices"
	"strconv"
)

// Planned says what a change would do to an edge.
type Planned string

// The effects of a planned change.
const (
	Unchanged Planned = ""
	Added     Planned = "added"
	Removed   Planned = "removed"
	// Reweighted edges get another share.
	Reweighted Planned = "reweighted"
)

// Plan is what a change would do, in numbers.
type Plan struct {
	Added      int `json:"added"`
	Removed    int `json:"removed"`
	Reweighted int `json:"reweighted"`
	// Findings are what analysis finds with the change that it does not find today, worst first.
	Findings []Finding `json:"findings,omitempty"`
}

// Text is a plan in one line.
func (p *Plan) Text() string {
	count := func(n int, what string) string {
		if n == 1 {
			return "1 " + what
		}
		return strconv.Itoa(n) + " " + what + "s"
	}
	text := fmt.Sprintf("plan: %s added, %d removed, %d with another share", count(p.Added, "edge"), p.Removed, p.Reweighted)
	if n := len(p.Findings); n > 0 {
		text += ", " + count(n, "new finding")
	}
	return text
}

// Change is what configuration gives to an edge today and would give to it: shares of 1 of what the caller asks of the host.
type Change struct {
	Before *float64 `json:"before,omitempty"` // nil: no route leads there
	After  *float64 `json:"after,omitempty"`
	// Some: of those requests only that a route's conditions match.
	Some bool `json:"some,omitempty"`
	// Origin is the object that decides with the change, or else today: "VirtualService default/reviews"; empty without one.
	Origin string `json:"origin,omitempty"`
}

// Text writes a change from a share to another with an arrow: "80→50%", "→20%", "80→0%". That of some requests only ends in "*".
func (c *Change) Text(arrow string) string {
	if c == nil {
		return ""
	}
	whole := func(share *float64) string {
		if !shown(share) {
			return "0"
		}
		if *share > 0 && *share < 0.005 {
			return "<1"
		}
		return strconv.FormatFloat(math.Round(100*min(*share, 1)), 'f', -1, 64)
	}
	text := whole(c.After) + "%"
	if c.Before != nil || c.After == nil {
		text = whole(c.Before) + arrow + text
	}
	if c.Some {
		text += "*"
	}
	return text
}

// Today is the graph without what a planned change would do.
func (g Graph) Today() Graph {
	if g.Plan == nil {
		return g
	}
	g.Plan = nil
	g.Nodes = slices.DeleteFunc(slices.Clone(g.Nodes), func(n Node) bool { return n.Planned == Added })
	g.Edges = slices.DeleteFunc(slices.Clone(g.Edges), func(e Edge) bool { return e.Planned == Added })
	for i := range g.Edges {
		g.Edges[i].Planned, g.Edges[i].Change = Unchanged, nil
	}
	return g
}
