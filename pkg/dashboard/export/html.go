package export

import (
	"fmt"
	"strings"
	"time"

	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/dashboard/draw"
	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/pkg/topology/tables"
)

const pageStyle = `body{font:14px system-ui,sans-serif;margin:2em;color:#1e293b}h1,h2{font-weight:600}.picture{overflow:auto;border:1px solid #e2e8f0}
table{border-collapse:collapse;margin:1em 0}th,td{text-align:left;padding:.25em .75em;border-bottom:1px solid #e2e8f0;white-space:nowrap}
td.good{color:#15803d}td.warn{color:#b45309}td.bad{color:#dc2626}td.dim{color:#94a3b8}`

// HTML is a page in one file, without scripts: the picture, and the nodes and edges as tables. It is well-formed XML, too.
func HTML(g topology.Graph, o draw.Options) string {
	var b strings.Builder
	at := g.Time.UTC().Format("2006-01-02 15:04:05 MST")
	b.WriteString("<!DOCTYPE html>\n<html lang=\"en\" xmlns=\"http://www.w3.org/1999/xhtml\">\n<head>\n<meta charset=\"utf-8\" />\n")
	b.WriteString("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\" />\n")
	fmt.Fprintf(&b, "<title>Topology %s</title>\n<style>%s</style>\n</head>\n<body>\n<h1>Topology</h1>\n", at, pageStyle)
	fmt.Fprintf(&b, "<p>%s, over %s: %d nodes, %d edges, %d proxies asked.</p>\n", at, g.Window.Round(100*time.Millisecond), len(g.Nodes), len(g.Edges), g.Proxies)
	fmt.Fprintf(&b, "<div class=\"picture\">\n%s</div>\n", picture(g, o))
	if g.Plan != nil {
		fmt.Fprintf(&b, "<h2>Planned change</h2>\n<p>%s</p>\n", escape(g.Plan.Text()))
		table(&b, tables.Changes(), tables.Changed(g))
		if rows := tables.Introduced(g.Plan); len(rows) > 0 {
			table(&b, tables.FindingColumns(rows), rows)
		}
	}
	b.WriteString("<h2>Nodes</h2>\n")
	table(&b, tables.Nodes(), g.Nodes)
	b.WriteString("<h2>Edges</h2>\n")
	table(&b, tables.EdgeColumns(), tables.Edges(g))
	if rows := tables.Findings(g); len(rows) > 0 {
		b.WriteString("<h2>Findings</h2>\n")
		table(&b, tables.FindingColumns(rows), rows)
	}
	if len(g.Silent) > 0 {
		b.WriteString("<h2>Proxies that did not answer</h2>\n")
		table(&b, silent(), g.Silent)
	}
	b.WriteString("</body>\n</html>\n")
	return b.String()
}

func silent() printer.Table[topology.Silent] {
	return printer.Table[topology.Silent]{Columns: []printer.Column[topology.Silent]{
		{Name: "PROXY", Value: func(s topology.Silent) string { return s.Proxy }},
		{Name: "REASON", Value: func(s topology.Silent) string { return s.Reason }},
	}}
}

func table[T any](b *strings.Builder, t printer.Table[T], rows []T) {
	b.WriteString("<table>\n<thead><tr>")
	for _, c := range t.Columns {
		fmt.Fprintf(b, "<th>%s</th>", escape(c.Name))
	}
	b.WriteString("</tr></thead>\n<tbody>\n")
	for _, r := range rows {
		b.WriteString("<tr>")
		for _, c := range t.Columns {
			level := printer.Plain
			if c.Level != nil {
				level = c.Level(r)
			}
			fmt.Fprintf(b, "<td class=\"%s\">%s</td>", class(draw.Ink(level)), escape(c.Value(r)))
		}
		b.WriteString("</tr>\n")
	}
	b.WriteString("</tbody>\n</table>\n")
}
