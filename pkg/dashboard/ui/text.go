package ui

import (
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/meshctl/meshctl/internal/printer"
)

// textLines are those of a page that is a text, as wide as they are.
func (m Model) textLines(p page) []string {
	switch p.view {
	case edgeView:
		return m.edgeLines(p)
	case helpView:
		return m.help()
	case findingView:
		return m.finding(p.subject)
	}
	return strings.Split(printer.EscapeLines(p.text), "\n")
}

// text is the part of a page's text that is on the screen. An arrow at the right says that there is more of a line.
func (m Model) text(p page) []string {
	lines := m.textLines(p)
	top := max(min(p.top, len(lines)-m.bodyHeight()), 0)
	out := slices.Clone(lines[top:min(top+m.bodyHeight(), len(lines))])
	for i, line := range out {
		if p.left > 0 {
			line = ansi.TruncateLeft(line, p.left, "")
		}
		out[i] = ansi.Truncate(line, m.width, m.symbol("…", ">"))
	}
	return out
}

// columns are how far a text moves sideways at once.
const columns = 10

// scroll moves a text by lines, and sideways in steps.
func (m Model) scroll(steps, lines int) Model {
	all, widest := m.textLines(m.top()), 0
	for _, line := range all {
		widest = max(widest, ansi.StringWidth(line))
	}
	return m.edit(func(p *page) {
		p.top = max(min(p.top+lines, len(all)-m.bodyHeight()), 0)
		p.left = max(min(p.left+columns*steps, widest-m.width), 0)
	})
}
