package ui

import tea "charm.land/bubbletea/v2"

// mouse chooses what is clicked, and opens what is chosen already; the wheel scrolls.
func (m Model) mouse(msg tea.MouseMsg) (tea.Model, tea.Cmd) {
	switch e := msg.(type) {
	case tea.MouseWheelMsg:
		switch e.Button {
		case tea.MouseWheelUp:
			return m.move(0, -3), nil
		case tea.MouseWheelDown:
			return m.move(0, 3), nil
		}
	case tea.MouseClickMsg:
		if e.Button == tea.MouseLeft {
			return m.click(e.X, e.Y-headLines)
		}
	}
	return m, nil
}

// headLines are above the body: header and breadcrumbs.
const headLines = 2

func (m Model) click(x, y int) (Model, tea.Cmd) {
	p := m.top()
	rows := viewOf(p.view).rows
	if rows == nil || y < 0 || y >= m.bodyHeight() {
		return m, nil
	}
	s := rows(m, p)
	first := m.bodyHeight() - m.listHeight(p) + 1 // below the names of the columns
	index := y - first + firstRow(p.top, position(s, p), max(m.listHeight(p)-1, 1), len(s.Rows))
	if y < first || index >= len(s.Rows) {
		return m, nil
	}
	if index == position(s, p) {
		return m.enter()
	}
	return m.edit(func(p *page) { p.index, p.cursor = index, s.Rows[index].ID }), nil
}
