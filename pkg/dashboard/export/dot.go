package export

import (
	"fmt"
	"slices"
	"strings"

	"github.com/meshctl/meshctl/pkg/dashboard/draw"
	"github.com/meshctl/meshctl/pkg/topology"
)

// DOT is the graph in the language of Graphviz (https://graphviz.org/doc/info/lang.html), namespaces as clusters.
func DOT(g topology.Graph, o draw.Options) string {
	o.ASCII = false
	l := draw.Arrange(g, o, nil)
	content := draw.Read(g, l, o)
	var b strings.Builder
	b.WriteString("digraph topology {\n  rankdir=LR;\n  node [shape=box, style=rounded, fontname=monospace];\n  edge [fontname=monospace];\n")
	groups := map[string][]topology.Node{}
	var names []string
	for _, n := range g.Nodes {
		if _, ok := groups[n.Namespace]; !ok {
			names = append(names, n.Namespace)
		}
		groups[n.Namespace] = append(groups[n.Namespace], n)
	}
	slices.Sort(names)
	for _, name := range names {
		indent := "  "
		if name != "" {
			fmt.Fprintf(&b, "  subgraph %s {\n    label=%s;\n    style=dashed;\n", quote("cluster_"+name), quote(name))
			indent = "    "
		}
		for _, n := range groups[name] {
			c := content.Nodes[n.ID]
			label := strings.Join(nonEmpty(c.Title, strings.Join(nonEmpty(c.Rate, c.Errors, c.Latency), " ")), "\n")
			fmt.Fprintf(&b, "%s%s [label=%s, color=%s];\n", indent, quote(n.ID), quote(label), color(c.Level))
		}
		if name != "" {
			b.WriteString("  }\n")
		}
	}
	known := map[string]bool{}
	for _, n := range g.Nodes {
		known[n.ID] = true
	}
	for i, r := range l.Routes {
		s := content.Edges[i]
		if s.Hidden || !known[r.From] || !known[r.To] {
			continue
		}
		width := 1
		if s.Heavy {
			width = 3
		}
		fmt.Fprintf(&b, "  %s -> %s [color=%s, penwidth=%d, label=%s];\n", quote(r.From), quote(r.To), color(s.Ink), width, quote(s.Label))
	}
	b.WriteString("}\n")
	return b.String()
}

func color(i draw.Ink) string {
	switch i {
	case draw.Good:
		return "darkgreen"
	case draw.Warn:
		return "orange"
	case draw.Bad:
		return "red"
	case draw.Dim:
		return "gray"
	case draw.Accent:
		return "blue"
	}
	return "black"
}

// quote writes a quoted ID: a line end becomes the escape for one, other backslashes stand for themselves.
func quote(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(plain(l))
	}
	return `"` + strings.Join(lines, `\n`) + `"`
}
