package ui

import (
	"slices"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/pkg/topology/tables"
)

// The names of views.
const (
	topologyView  = "topology"
	servicesView  = "services"
	workloadsView = "workloads"
	edgesView     = "edges"
	proxiesView   = "proxies"
	findingsView  = "findings"
	planView      = "plan"
	eventsView    = "events"
	tapView       = "tap"
	nodeView      = "node"
	edgeView      = "edge"
	configView    = "config"
	requestView   = "request"
	findingView   = "finding"
	helpView      = "help"
)

// view is a way to look at the mesh. A view without rows draws or reads out something.
type view struct {
	name    string
	aliases []string
	about   string
	rows    func(Model, page) printer.Sheet
	// ordered rows cannot be sorted in another way.
	ordered bool
	// enter opens a row.
	enter func(m Model, id string) (Model, tea.Cmd)
}

// views are those that a command can open, in the order of the help.
func views() []view {
	return []view{
		{name: topologyView, aliases: []string{"graph", "topo"}, about: "who calls whom, as a picture", enter: openNode},
		{name: servicesView, aliases: []string{"svc", "service"}, about: "golden metrics of each service, all versions together", rows: serviceRows, enter: openService},
		{name: workloadsView, aliases: []string{"wl", "workload", "deploy", "pods", "po"}, about: "golden metrics of each workload", rows: workloadRows, enter: openNode},
		{name: edgesView, aliases: []string{"edge", "links"}, about: "who calls whom, secured or why not", rows: edgeRows, enter: openEdge},
		{name: planView, aliases: []string{"changes"}, about: "what the change of --plan would do to edges", rows: planRows, enter: openEdge},
		{name: proxiesView, aliases: []string{"proxy", "ps", "sync"}, about: "do proxies run what they should", rows: proxyRows, enter: func(m Model, _ string) (Model, tea.Cmd) { return m.openConfig() }},
		{name: findingsView, aliases: []string{"finding", "analyze", "problems"}, about: "what analysis finds wrong with what is shown", rows: findingRows, enter: openFinding},
		{name: eventsView, aliases: []string{"event", "ev"}, about: "what has changed since the dashboard was opened", rows: eventRows, enter: openNode},
		{name: tapView, aliases: []string{"requests"}, about: "single requests as they happen", rows: tapRows, enter: openRequest, ordered: true},
	}
}

// pages that are opened from others, and not by name.
func innerViews() []view {
	return []view{
		{name: nodeView, rows: neighbourRows, enter: openEdge},
		{name: edgeView},
		{name: configView},
		{name: requestView},
		{name: findingView},
		{name: helpView},
	}
}

func viewOf(name string) view {
	for _, v := range append(views(), innerViews()...) {
		if v.name == name || slices.Contains(v.aliases, name) {
			return v
		}
	}
	return view{}
}

// From these widths on there is room for more columns.
const widthOfMedium, widthOfBroad = 110, 170

func (m Model) room() printer.Room {
	switch {
	case m.width >= widthOfBroad:
		return printer.Broad
	case m.width >= widthOfMedium:
		return printer.Medium
	}
	return printer.Narrow
}

func flatten[T any](m Model, p page, t printer.Table[T], rows []T, id func(T) string) printer.Sheet {
	for _, c := range t.Columns {
		if c.Name == p.sort {
			printer.Sort(c, rows, p.reverse)
		}
	}
	return printer.Flatten(t, rows, id).In(m.room())
}

// matching leaves out the rows that do not contain the filter's text, for sheets that expressions know nothing of.
func matching(s printer.Sheet, p page) printer.Sheet {
	if p.filter == "" {
		return s
	}
	want := strings.ToLower(p.filter)
	s.Rows = slices.DeleteFunc(slices.Clone(s.Rows), func(l printer.Line) bool {
		return !slices.ContainsFunc(l.Cells, func(c printer.Cell) bool { return strings.Contains(strings.ToLower(c.Text), want) })
	})
	return s
}

// proxyRows are sorted by their texts: what a sheet's cells stand for is not known here.
func proxyRows(m Model, p page) printer.Sheet {
	s := m.sheet.In(m.room())
	if i := slices.Index(s.Names, p.sort); i >= 0 {
		slices.SortStableFunc(s.Rows, func(a, b printer.Line) int {
			if p.reverse {
				a, b = b, a
			}
			return strings.Compare(a.Cells[i].Text, b.Cells[i].Text)
		})
	}
	return matching(s, p)
}

func nodeID(n topology.Node) string { return n.ID }

func workloadRows(m Model, p page) printer.Sheet {
	keep := m.filtered(p)
	var rows []topology.Node
	for _, n := range m.graph.Nodes {
		if keep.node(n) {
			rows = append(rows, n)
		}
	}
	return flatten(m, p, tables.Nodes(), rows, nodeID)
}

func serviceRows(m Model, p page) printer.Sheet {
	m.graph = topology.Collapse(m.graph, topology.ByService)
	return workloadRows(m, p)
}

func edgeRows(m Model, p page) printer.Sheet {
	rows := slices.DeleteFunc(m.edges(p), func(e tables.Edge) bool { return p.bad && !e.Wrong(&e.Destination) })
	return flatten(m, p, tables.EdgeColumns(), rows, func(e tables.Edge) string { return edgeID(e.Edge) })
}

func planRows(m Model, p page) printer.Sheet {
	return matching(flatten(m, p, tables.Changes(), tables.Changed(m.graph), func(e tables.Edge) string { return edgeID(e.Edge) }), p)
}

func neighbourRows(m Model, p page) printer.Sheet {
	rows := slices.DeleteFunc(tables.Edges(m.graph), func(e tables.Edge) bool { return e.From != p.subject && e.To != p.subject })
	return matching(flatten(m, p, tables.EdgeColumns(), rows, func(e tables.Edge) string { return edgeID(e.Edge) }), p)
}

// finding is a row: what analysis says of a node, or of what is none.
type finding struct {
	topology.Finding
	node topology.Node
}

func findingRows(m Model, p page) printer.Sheet {
	var rows []finding
	for _, n := range m.graph.Nodes {
		for _, f := range n.Findings {
			rows = append(rows, finding{f, n})
		}
	}
	for i, f := range m.graph.Findings {
		rows = append(rows, finding{f, topology.Node{ID: homeless + strconv.Itoa(i), Name: "-"}})
	}
	if m.graph.Plan != nil {
		for _, f := range m.graph.Plan.Findings {
			rows = append(rows, finding{f, topology.Node{Name: "(planned change)"}})
		}
	}
	return matching(flatten(m, p, findingColumns(), rows, func(f finding) string { return f.node.ID }), p)
}

// homeless begins the ids of the rows of findings that are about no node.
const homeless = "finding "

// openFinding opens the node that a finding is about, which says it; or the finding alone.
func openFinding(m Model, id string) (Model, tea.Cmd) {
	if _, alone := strings.CutPrefix(id, homeless); alone {
		return m.push(page{view: findingView, subject: id}), nil
	}
	return openNode(m, id)
}

// finding is one that is about no node, by the id of its row.
func (m Model) finding(id string) []string {
	i, err := strconv.Atoi(strings.TrimPrefix(id, homeless))
	if err != nil || i >= len(m.graph.Findings) {
		return []string{"", paint(printer.Warn, "  it is not found any more")}
	}
	return append([]string{""}, m.findingLines(m.graph.Findings[i])...)
}

func findingColumns() printer.Table[finding] {
	return printer.Table[finding]{Columns: []printer.Column[finding]{
		{Name: "LEVEL", Value: func(f finding) string { return f.Level }, Level: func(f finding) printer.Level { return tables.FindingLevel(f.Finding) }},
		{Name: "CODE", Value: func(f finding) string { return f.Code }},
		{Name: "NODE", Value: func(f finding) string { return f.node.Qualified() }},
		{Name: "MESSAGE", Value: func(f finding) string { return f.Message }},
	}}
}

func eventRows(m Model, p page) printer.Sheet {
	rows := slices.Clone(m.events)
	slices.Reverse(rows) // the newest first
	return matching(flatten(m, p, eventColumns(), rows, func(e event) string { return e.node }), p)
}

func openNode(m Model, id string) (Model, tea.Cmd) {
	if _, ok := m.node(id); ok {
		return m.push(page{view: nodeView, subject: id}), nil
	}
	if n, ok := m.drawn(id); ok {
		return openFolded(m, n)
	}
	return m, complain("it is not there any more")
}

func openEdge(m Model, id string) (Model, tea.Cmd) {
	if _, ok := m.edge(id); !ok {
		return m, complain("it is not there any more")
	}
	return m.push(page{view: edgeView, subject: id}), nil
}

// openService shows the workloads of a service.
func openService(m Model, id string) (Model, tea.Cmd) {
	for _, n := range topology.Collapse(m.graph, topology.ByService).Nodes {
		if n.ID == id {
			next, cmd := m.push(page{view: workloadsView, subject: id}).filter("service = " + strconv.Quote(n.Service))
			return next.(Model), cmd //nolint:forcetypeassert // it is always one
		}
	}
	return m, complain("it is not there any more")
}
