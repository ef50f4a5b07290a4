package ui

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/NimbleMarkets/ntcharts/v2/sparkline"

	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/pkg/topology/tables"
)

// nodePage is a node: what it is and how it does, and below the edges to and from it.
func (m Model) nodePage(p page) []string {
	head := m.nodeLines(p)
	height := m.listHeight(p)
	head = block(head, m.width, m.bodyHeight()-height)
	return append(head, m.list(viewOf(p.view).rows(m, p), p, m.width, height)...)
}

// listHeight is the part of a page that is a list.
func (m Model) listHeight(p page) int {
	if p.view != nodeView {
		return m.bodyHeight()
	}
	return max(m.bodyHeight()-len(m.nodeLines(p)), m.bodyHeight()/3)
}

func (m Model) nodeLines(p page) []string {
	n, ok := m.node(p.subject)
	if !ok {
		return []string{"", paint(printer.Warn, "  "+printer.Escape(p.subject)+" is not there any more")}
	}
	lines := []string{
		"",
		"  " + bold(printer.Escape(n.Qualified())) + "  " + string(n.Kind) + field("service", n.Service) + field("version", n.Version),
		"  " + strings.TrimSpace(field("identity", n.Identity)+field("sidecars", fmt.Sprintf("%d/%d", n.Proxies, n.Instances))+m.trouble(n)),
	}
	lines = append(lines, m.charts(n.ID, n.In)...)
	for _, f := range n.Findings {
		lines = append(lines, m.findingLines(f)...)
	}
	return append(lines, "")
}

// findingLines are all of a finding.
func (m Model) findingLines(f topology.Finding) []string {
	return wrapped("  "+paint(tables.FindingLevel(f), printer.Escape(f.Level+" "+f.Code)), printer.Escape(f.Message), m.width)
}

// trouble is what keeps a node from running what it should.
func (m Model) trouble(n topology.Node) string {
	var out string
	if n.Rejected > 0 {
		out += "  " + paint(printer.Bad, strconv.Itoa(n.Rejected)+" reject their configuration (:proxies)")
	}
	if n.Stale > 0 {
		out += "  " + paint(printer.Warn, strconv.Itoa(n.Stale)+" stale")
	}
	if n.Proxies < n.Instances {
		out += "  " + paint(printer.Warn, fmt.Sprintf("%d without a sidecar", n.Instances-n.Proxies))
	}
	return out
}

func (m Model) edgeLines(p page) []string {
	e, ok := m.edge(p.subject)
	if !ok {
		return []string{"", paint(printer.Warn, "  "+printer.Escape(p.subject)+" has no traffic any more")}
	}
	secured := paint(printer.Good, "mutual TLS")
	if e.Security != topology.MutualTLS {
		secured = paint(printer.Bad, string(e.Security)+": "+printer.Escape(e.Why))
	}
	lines := []string{
		"",
		"  " + bold(printer.Escape(e.Source.Qualified()+m.symbol(" → ", " -> ")+e.Destination.Qualified())) + "  " + printer.Escape(string(e.Protocol)),
		"  " + strings.TrimSpace(field("asked for", e.Host)+field("port", portText(e.Port))),
		"  " + secured,
		"  " + strings.TrimSpace(field("client", e.Source.Identity)),
		"  " + strings.TrimSpace(field("server", e.Destination.Identity)),
	}
	lines = append(lines, m.charts(edgeID(e.Edge), e.Rates)...)
	if e.Split != nil {
		lines = append(lines, "  "+strings.TrimSpace(field("weight", topology.Percent(e.Split.Configured)+" by "+e.Split.Origin)+field("observed", topology.Percent(e.Split.Observed))))
	}
	if e.Planned != topology.Unchanged {
		lines = append(lines, "  "+strings.TrimSpace(field("planned", strings.TrimSpace(string(e.Planned)+" "+e.Change.Text(m.symbol("→", ">"))))))
	}
	for _, b := range e.Badges {
		lines = append(lines, "  "+paint(printer.Warn, printer.Escape(string(b))))
	}
	return lines
}

// portText is empty for a port that is not known.
func portText(port uint32) string {
	if port == 0 {
		return ""
	}
	return strconv.Itoa(int(port))
}

func field(name, value string) string {
	if value == "" {
		return ""
	}
	return "  " + paint(printer.Dim, name+" ") + printer.Escape(value)
}

// chartWidth is how many pictures a sparkline shows.
const chartWidth = 40

// charts are the rates of a node or an edge, now and in the last minutes.
func (m Model) charts(id string, r topology.Rates) []string {
	h := m.history.of(id)
	success := topology.Absent
	if share, ok := r.Success(); ok {
		success = paint(tables.ErrorLevel(r), topology.Percent(share))
	}
	lines := []string{
		"",
		"  requests " + m.spark(h.requests, printer.Good) + " " + topology.PerSecond(r.Requests) + "/s   success " + success,
		"  failures " + m.spark(h.errors, printer.Bad) + " " + topology.PerSecond(r.Errors) + "/s",
		"  p99      " + m.spark(h.p99, printer.Warn) + " " + topology.Milliseconds(r.P99) + "   p95 " + topology.Milliseconds(r.P95) + "   p50 " + topology.Milliseconds(r.P50),
		"  " + strings.TrimSpace(field("sent", topology.Bytes(r.Sent))+field("received", topology.Bytes(r.Received))+field("connections", topology.Count(r.Connections))+
			field("retries", topology.PerSecond(r.Retries))+field("ejected", topology.Count(r.Ejections))),
		"",
	}
	return lines
}

// spark is a chart of one line.
func (m Model) spark(points []float64, level printer.Level) string {
	if m.ascii {
		return steps(points)
	}
	chart := sparkline.New(chartWidth, 1, sparkline.WithStyle(palette[level]))
	chart.PushAll(points[max(len(points)-chartWidth, 0):])
	chart.Draw()
	return chart.View()
}

// steps is a sparkline in ASCII.
func steps(points []float64) string {
	points = points[max(len(points)-chartWidth, 0):]
	const marks = "_.-~=*#"
	var highest float64
	for _, v := range points {
		highest = max(highest, v)
	}
	var b strings.Builder
	for range chartWidth - len(points) {
		b.WriteByte(' ')
	}
	for _, v := range points {
		i := 0
		if highest > 0 {
			i = int(v / highest * float64(len(marks)-1))
		}
		b.WriteByte(marks[i])
	}
	return b.String()
}
