package ui

import tea "charm.land/bubbletea/v2"

// mouse chooses what is clicked, and opens what is chosen already; the wheel scrolls.
func (m Model) mouse(msg tea.MouseMsg) (tea.Model, tea.Cmd) {
	switch e := msg.(type) {
	case tea.MouseWheelMsg:
		return m.wheel(e.Button, e.Mod.Contains(tea.ModShift)), nil
	case tea.MouseClickMsg:
		switch e.Button {
		case tea.MouseLeft:
			return m.click(e.X, e.Y-headLines)
		case tea.MouseRight:
			return m.clickRight(e.X, e.Y-headLines)
		}
	}
	return m, nil
}

// headLines are above the body: header and breadcrumbs.
const headLines = 2

func (m Model) click(x, y int) (Model, tea.Cmd) {
	p := m.top()
	if p.view == topologyView {
		return m.point(x, y)
	}
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

// clickRight unfolds what is at a place of the picture, or folds it if it has no parts.
func (m Model) clickRight(x, y int) (Model, tea.Cmd) {
	if m.top().view != topologyView {
		return m, nil
	}
	m = m.edit(func(p *page) { p.cursor = m.pointed(x, y) })
	n, ok := m.drawn(m.chosen())
	if !ok {
		return m, nil
	}
	if _, parts := m.top().drawing.folds.Unfold(n); parts {
		return m.unfold()
	}
	return m.fold()
}

// wheel scrolls lists and texts, and moves the picture: with shift sideways.
func (m Model) wheel(b tea.MouseButton, sideways bool) Model {
	lines := map[tea.MouseButton]int{tea.MouseWheelUp: -3, tea.MouseWheelDown: 3, tea.MouseWheelLeft: -6, tea.MouseWheelRight: 6}[b]
	switch {
	case m.top().view != topologyView:
		return m.move(0, lines)
	case sideways || b == tea.MouseWheelLeft || b == tea.MouseWheelRight:
		return m.pan(2*lines, 0)
	}
	return m.pan(0, lines)
}

// point chooses what is at a place of the picture, and opens it when it is chosen already.
func (m Model) point(x, y int) (Model, tea.Cmd) {
	if m.arranged.layout != nil {
		if group := m.frame(m.top()).At(x, y).Group; group != "" {
			return m.foldNamespace(group), nil
		}
	}
	id := m.pointed(x, y)
	if id != "" && id == m.top().cursor {
		return m.enter()
	}
	return m.edit(func(p *page) { p.cursor = id }), nil
}
