package ui

import (
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/pkg/topology/tables"
)

// View implements tea.Model.
func (m Model) View() tea.View {
	text := strings.Join(m.lines(), "\n")
	if m.ascii {
		text = toASCII(text)
	}
	v := tea.NewView(text)
	v.AltScreen = true
	v.MouseMode = tea.MouseModeCellMotion
	v.WindowTitle = "meshctl " + printer.Escape(m.name)
	return v
}

// The least screen on which something can be shown.
const leastWidth, leastHeight = 30, 6

func (m Model) lines() []string {
	if m.width < leastWidth || m.height < leastHeight {
		return block([]string{"too small:", fmt.Sprintf("%dx%d", m.width, m.height)}, m.width, m.height)
	}
	lines := []string{fit(m.header(), m.width), fit(m.breadcrumbs(), m.width)}
	lines = append(lines, block(m.body(), m.width, m.bodyHeight())...)
	return append(lines, fit(m.footer(), m.width))
}

// bodyHeight is the screen without header, breadcrumbs and footer.
func (m Model) bodyHeight() int { return max(m.height-3, 1) }

func (m Model) body() []string {
	p := m.top()
	switch p.view {
	case topologyView:
		return m.picture(p)
	case nodeView:
		return m.nodePage(p)
	case edgeView, configView, requestView, findingView, helpView:
		return m.text(p)
	}
	return m.list(viewOf(p.view).rows(m, p), p, m.width, m.bodyHeight())
}

// header is the mesh in one line: is it alive, how much, how well, how safe.
func (m Model) header() string {
	left := bold(" "+printer.Escape(m.name)) + "  " + m.state()
	g := m.graph
	if g.Time.IsZero() {
		return left
	}
	sum, secure := totals(g.Today())
	parts := []string{left, short(m.window), topology.PerSecond(sum.Requests) + " rps"}
	if share, ok := sum.Success(); ok {
		parts = append(parts, paint(tables.ErrorLevel(sum), topology.Percent(share)+" ok"))
	}
	parts = append(parts, secure, fmt.Sprintf("%d proxies", g.Proxies))
	if p := g.Plan; p != nil {
		level := printer.Warn
		if len(p.Findings) > 0 && p.Findings[0].Level == "error" {
			level = printer.Bad
		}
		text := fmt.Sprintf("plan +%d -%d %s%d", p.Added, p.Removed, m.symbol("↔", "%"), p.Reweighted)
		if n := len(p.Findings); n > 0 {
			text += fmt.Sprintf(", findings +%d", n)
		}
		parts = append(parts, paint(level, text))
	}
	if n := len(g.Silent); n > 0 {
		parts = append(parts, paint(printer.Warn, fmt.Sprintf("%d silent", n)))
	}
	return strings.Join(parts, "  ")
}

// state is whether the numbers are live.
func (m Model) state() string {
	switch {
	case m.paused:
		return paint(printer.Warn, "paused")
	case m.source.Recorded && m.link.up:
		return paint(printer.Dim, "recorded, "+m.graph.Time.Format(time.DateTime))
	case m.link.late():
		return paint(printer.Warn, fmt.Sprintf("no answer for %s, as of %s", m.link.waited.Truncate(time.Second), m.graph.Time.Format(time.TimeOnly)))
	case m.link.up:
		return paint(printer.Good, m.symbol("●", "*")+" live")
	case m.link.err != nil:
		text := fmt.Sprintf("no connection: trying again (%d)", m.link.failures)
		if !m.graph.Time.IsZero() {
			text += ", as of " + m.graph.Time.Format(time.TimeOnly)
		}
		return paint(printer.Bad, text)
	}
	return paint(printer.Dim, "connecting ...")
}

func (m Model) symbol(unicode, ascii string) string {
	if m.ascii {
		return ascii
	}
	return unicode
}

// totals are the requests on all edges, and how many of the edges are encrypted.
func totals(g topology.Graph) (topology.Rates, string) {
	var requests, errors float64
	secure := 0
	for _, e := range g.Edges {
		requests += number(e.Rates.Requests)
		errors += number(e.Rates.Errors)
		if e.Security == topology.MutualTLS {
			secure++
		}
	}
	level := printer.Good
	if secure < len(g.Edges) {
		level = printer.Warn
	}
	return topology.Rates{Requests: &requests, Errors: &errors}, paint(level, fmt.Sprintf("mTLS %d/%d", secure, len(g.Edges)))
}

func (m Model) breadcrumbs() string {
	parts := make([]string, len(m.pages))
	for i, p := range m.pages {
		parts[i] = printer.Escape(m.breadcrumb(p))
	}
	line := " " + paint(printer.Dim, strings.Join(parts, m.symbol(" › ", " > ")))
	p := m.top()
	if p.filter != "" {
		line += "  " + paint(printer.Warn, "/"+printer.Escape(p.filter))
	}
	if p.bad {
		line += "  " + paint(printer.Warn, "only what worries")
	}
	if p.view == findingsView && m.graph.Unjudged != "" {
		line += "  " + paint(printer.Warn, printer.Escape(m.graph.Unjudged))
	}
	if text := p.tapped.text(); text != "" {
		line += "  " + paint(printer.Warn, printer.Escape(text))
	}
	return line
}

func (m Model) footer() string {
	switch {
	case m.prompt.kind != noPrompt:
		return m.prompt.input.View()
	case m.flash.bad:
		return paint(printer.Bad, " "+printer.Escape(m.flash.text))
	case m.flash.text != "":
		return paint(printer.Good, " "+printer.Escape(m.flash.text))
	case m.link.err != nil && !m.link.up:
		return paint(printer.Bad, " "+printer.Escape(m.link.err.Error()))
	}
	return paint(printer.Dim, m.hints())
}
