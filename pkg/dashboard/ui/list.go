package ui

import (
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/meshctl/meshctl/internal/printer"
)

// list draws a sheet: a header, the rows around the chosen one, and how many there are.
func (m Model) list(s printer.Sheet, p page, width, height int) []string {
	if len(s.Rows) == 0 {
		return []string{"", "  " + paint(printer.Dim, m.nothing(p))}
	}
	index := position(s, p)
	visible := max(height-1, 1)
	first := firstRow(p.top, index, visible, len(s.Rows))
	rows := s.Rows[first:min(first+visible, len(s.Rows))]
	widths := columnWidths(s, rows, width)
	lines := []string{header(s, p, widths)}
	for i, row := range rows {
		line := cellLine(row.Cells, widths)
		if first+i == index {
			line = reverse(fit(ansi.Strip(line), width))
		}
		lines = append(lines, line)
	}
	return lines
}

// nothing says why a list is empty.
func (m Model) nothing(p page) string {
	switch {
	case p.view == topologyView && !m.graph.Time.IsZero() && p.filter == "":
		return "no workload has a proxy, and there is no traffic"
	case p.filter != "":
		return "nothing matches " + printer.Escape(p.filter) + " (esc shows all)"
	case m.graph.Time.IsZero() && p.view != proxiesView:
		return "waiting for the first numbers ..."
	case p.view == findingsView && m.graph.Unjudged != "":
		return printer.Escape(m.graph.Unjudged)
	case p.view == findingsView:
		return "analysis finds nothing wrong with what is shown"
	case p.view == planView && m.graph.Plan == nil:
		return "there is no plan: start the dashboard with --plan -f FILE"
	case p.view == planView:
		return "the change does nothing to these edges"
	case p.view == eventsView:
		return "nothing has changed yet"
	case p.view == tapView:
		return "waiting for requests ..."
	}
	return "there is nothing"
}

// position is the index of the chosen row: where its id is now, or what took its place. Several rows may be of one node.
func position(s printer.Sheet, p page) int {
	if p.index < len(s.Rows) && s.Rows[p.index].ID == p.cursor {
		return p.index
	}
	if p.cursor != "" {
		if i := slices.IndexFunc(s.Rows, func(l printer.Line) bool { return l.ID == p.cursor }); i >= 0 {
			return i
		}
	}
	return max(min(p.index, len(s.Rows)-1), 0)
}

// firstRow scrolls as little as it can.
func firstRow(before, index, visible, rows int) int {
	first := min(before, index)
	if index >= first+visible {
		first = index - visible + 1
	}
	return max(min(first, rows-visible), 0)
}

const gap = 2

// columnWidths takes from the widest columns until all fit.
func columnWidths(s printer.Sheet, rows []printer.Line, width int) []int {
	widths := make([]int, len(s.Names))
	for i, name := range s.Names {
		widths[i] = ansi.StringWidth(name) + 1 // of the arrow
	}
	for _, row := range rows {
		for i, c := range row.Cells {
			widths[i] = max(widths[i], printer.Width(c.Text))
		}
	}
	for excess := total(widths) - width; excess > 0; excess-- {
		widest := 0
		for i, w := range widths {
			if w > widths[widest] {
				widest = i
			}
		}
		if widths[widest] <= 4 {
			break
		}
		widths[widest]--
	}
	return widths
}

func total(widths []int) int {
	sum := gap * (len(widths) - 1)
	for _, w := range widths {
		sum += w
	}
	return sum
}

func header(s printer.Sheet, p page, widths []int) string {
	parts, letters := make([]string, len(s.Names)), sortLetters(p.view, s.Names)
	for i, name := range s.Names {
		shown := lettered(name, letters[i])
		if name == p.sort {
			shown += bold(map[bool]string{false: "↓", true: "↑"}[p.reverse])
		}
		parts[i] = fit(shown, widths[i])
	}
	return strings.Join(parts, strings.Repeat(" ", gap))
}

// lettered is the name of a column, with the letter underlined that sorts by it.
func lettered(name, letter string) string {
	before, after, found := strings.Cut(name, letter)
	if !found || letter == "" {
		return bold(name)
	}
	return bold(before) + underline(letter) + bold(after)
}

func cellLine(cells []printer.Cell, widths []int) string {
	parts := make([]string, len(cells))
	for i, c := range cells {
		parts[i] = paint(c.Level, fit(c.Text, widths[i]))
	}
	return strings.Join(parts, strings.Repeat(" ", gap))
}

// chosen is the id of the row or node under the cursor.
func (m Model) chosen() string {
	p := m.top()
	if p.view == topologyView {
		return p.cursor
	}
	rows := viewOf(p.view).rows
	if rows == nil {
		return ""
	}
	s := rows(m, p)
	if len(s.Rows) == 0 {
		return ""
	}
	return s.Rows[position(s, p)].ID
}

// move moves the cursor of a list, scrolls a text, or goes from node to node of a picture.
func (m Model) move(x, y int) Model {
	p := m.top()
	if p.view == topologyView {
		return m.walk(x, y)
	}
	rows := viewOf(p.view).rows
	if rows == nil {
		return m.scroll(x, y)
	}
	s := rows(m, p)
	if len(s.Rows) == 0 {
		return m
	}
	index := max(min(position(s, p)+y, len(s.Rows)-1), 0)
	return m.edit(func(p *page) {
		p.index, p.cursor = index, s.Rows[index].ID
		p.top = firstRow(p.top, index, max(m.listHeight(*p)-1, 1), len(s.Rows))
	})
}
