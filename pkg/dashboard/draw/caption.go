package draw

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/meshctl/meshctl/pkg/dashboard/layout"
	"github.com/meshctl/meshctl/pkg/topology"
)

// Mark is a badge of a node.
type Mark struct {
	Sign, Meaning string
	Ink           Ink
}

// Caption is what is written on a node. What there is nothing to say about is empty.
type Caption struct {
	Title, Rate, Errors, Latency string
	Split                        string // "90→88%", configured and observed
	Badges                       []Mark // the gravest first
	Level                        Ink
}

// Stroke is how an edge looks.
type Stroke struct {
	Ink    Ink
	Heavy  bool // a large part of the traffic of the busiest edge
	Hidden bool // by Options.OnlyBad
	Label  string
}

// Content is what a picture says, for other forms of it: captions of nodes by ID, and strokes in the order of the layout's routes.
type Content struct {
	Nodes map[string]Caption
	Edges []Stroke
}

// Read returns the content of a picture.
func Read(g topology.Graph, l *layout.Layout, o Options) Content {
	p := newPainter(Scene{Graph: g, Layout: l, Options: o})
	out := Content{make(map[string]Caption, len(g.Nodes)), make([]Stroke, len(p.routes))}
	for _, n := range g.Nodes {
		out.Nodes[n.ID] = p.caption(n)
	}
	for i, r := range p.routes {
		out.Edges[i] = Stroke{Ink: r.pen.style.Ink, Heavy: r.pen.weight > 1, Hidden: r.hidden, Label: p.labelOf(&p.routes[i])}
	}
	return out
}

func (p *painter) caption(n topology.Node) Caption {
	c := Caption{Title: p.signs.heading(n), Rate: activity(n), Split: p.splitOf(n), Badges: p.marks(n), Level: p.level(n)}
	if share, ok := n.In.ErrorShare(); ok && share > 0 {
		c.Errors = p.signs.errors + topology.Percent(share)
	}
	switch {
	case gone(n):
		c.Latency = "no instances"
	case n.In.P99 != nil:
		c.Latency = topology.Milliseconds(n.In.P99)
	}
	return c
}

// marks are the badges of a node, the gravest first.
func (p *painter) marks(n topology.Node) (out []Mark) {
	add := func(when bool, sign, meaning string, ink Ink) {
		if when {
			out = append(out, Mark{sign, meaning, ink})
		}
	}
	g := p.signs
	add(n.Rejected > 0, g.rejected, "configuration rejected", Bad)
	add(n.Stale > 0, g.stale, "configuration stale", Warn)
	if len(n.Findings) > 0 {
		add(true, g.finding, n.Findings[0].Code+": "+n.Findings[0].Message, map[string]Ink{"error": Bad, "warning": Warn}[n.Findings[0].Level])
	}
	add(n.Proxies < n.Instances, g.bare, fmt.Sprintf("%d of %d with a sidecar", n.Proxies, n.Instances), Warn)
	in := p.into[n.ID]
	if in == nil {
		return out
	}
	for _, b := range []topology.Badge{topology.Ejected, topology.Fault, topology.CircuitBreaker, topology.Mirror, topology.Retried, topology.Timeout} {
		add(in.badges[b], g.badges[b], string(b), map[topology.Badge]Ink{topology.Ejected: Bad, topology.Fault: Warn}[b])
	}
	add(in.self, g.self, "calls itself", Plain)
	switch {
	case in.secured > 0 && in.open == 0:
		add(true, g.lock, "mutual TLS", Good)
	case in.secured > 0:
		add(true, g.partly, "partly mutual TLS", Warn)
	case in.open > 0:
		add(true, g.open, "plaintext", Warn)
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

// activity is the rate of a node; what has received neither requests nor bytes is idle, whatever it would be asked for.
func activity(n topology.Node) string {
	if n.In.Requests == nil && n.In.Sent != nil && value(n.In.Sent)+value(n.In.Received) == 0 {
		return "idle"
	}
	return rate(n.In, n.Out)
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
