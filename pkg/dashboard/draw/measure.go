package draw

import (
	"cmp"
	"slices"
	"strings"

	"github.com/meshctl/meshctl/pkg/dashboard/layout"
	"github.com/meshctl/meshctl/pkg/topology"
)

// The widths of boxes, in cells.
const (
	leastBox, mostBox, narrowBox             = 16, 28, 16
	leastCompact, mostCompact, narrowCompact = 8, 30, 14
	compactNumbers                           = 9 // rate and badges of a compact node
	splitCells                               = 8 // " 90→100%"
)

// measure says how large nodes are. That depends on names alone, so that numbers that change move nothing.
func measure(g topology.Graph, o Options) layout.Graph {
	signs := glyphsOf(o.ASCII)
	versions := map[string]int{}
	for _, n := range g.Nodes {
		versions[stack(n)]++
	}
	out := layout.Graph{Nodes: make([]layout.Node, 0, len(g.Nodes)), Edges: make([]layout.Edge, 0, len(g.Edges))}
	for _, i := range inOrder(g.Nodes) {
		n := g.Nodes[i]
		m := layout.Node{ID: n.ID, Group: n.Namespace, Stack: stack(n), Width: 1, Height: 1}
		name := width(signs.heading(n))
		switch {
		case o.Zoom == Full && o.Narrow:
			m.Width, m.Height = narrowBox, 4
		case o.Zoom == Full:
			m.Width, m.Height = min(max(name+5, leastBox), mostBox), 4
			if versions[m.Stack] > 1 && m.Stack != "" {
				m.Width = min(max(name+5+splitCells, leastBox), mostBox)
			}
		case o.Zoom == Compact && o.Narrow:
			m.Width = min(max(name+2, leastCompact), narrowCompact)
		case o.Zoom == Compact:
			m.Width = min(max(name+3+compactNumbers, leastCompact), mostCompact)
		}
		out.Nodes = append(out.Nodes, m)
	}
	for _, e := range g.Edges {
		out.Edges = append(out.Edges, layout.Edge{From: e.From, To: e.To})
	}
	return out
}

// inOrder returns the indices of nodes so that versions of a service follow each other.
func inOrder(nodes []topology.Node) []int {
	order := make([]int, len(nodes))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		x, y := nodes[a], nodes[b]
		return cmp.Or(strings.Compare(x.Namespace, y.Namespace), strings.Compare(x.Service, y.Service), strings.Compare(x.ID, y.ID))
	})
	return order
}

// stack names what stands upon each other: the versions of a service.
func stack(n topology.Node) string {
	if n.Kind != topology.Workload || n.Namespace == "" {
		return ""
	}
	return n.Namespace + "/" + n.Service
}

func distances(o Options) layout.Options {
	d := layout.Options{Frame: 2, Channel: 2}
	if o.Zoom == Full {
		d.Gap, d.Overlap = 1, 1
	}
	if o.Narrow {
		d.Frame, d.Channel = 1, 1
	}
	if o.Labels != NoLabels && o.Zoom != Dot {
		d.Channel, d.Lead = 8, 7
	}
	if o.Planned && o.Zoom != Dot {
		d.Channel = 9
	}
	return d
}

// heading is what is written on top of a node: its name, and signs of what it is.
func (g *glyphs) heading(n topology.Node) string {
	text := g.kinds[n.Kind] + title(n)
	if n.Planned == topology.Added {
		text = g.added + " " + text
	}
	return text
}

// title is a node's name, with a blank before its version.
func title(n topology.Node) string {
	if n.Version == "" || n.Kind != topology.Workload {
		return n.Name
	}
	return strings.TrimSuffix(n.Name, "-"+n.Version) + " " + n.Version
}
