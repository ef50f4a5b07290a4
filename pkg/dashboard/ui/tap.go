package ui

import (
	"context"
	"errors"
	"sync"

	tea "charm.land/bubbletea/v2"

	"github.com/meshctl/meshctl/internal/printer"
)

// tapRow is a request that was seen.
type tapRow = printer.Line

// mostRows bounds what is kept of a tap: an operator reads what is on the screen.
const mostRows = 2000

type tapMsg struct {
	page int
	rows []tapRow
	more *inbox
	err  error
}

// inbox collects requests between two frames. What is too much is dropped and counted.
type inbox struct {
	mu      sync.Mutex
	rows    []tapRow
	dropped int
	arrived chan struct{}
	err     error
	ended   bool
}

// openTap opens a page with the requests of what is chosen.
func (m Model) openTap() (Model, tea.Cmd) {
	if m.source.Tap == nil {
		return m, complain("single requests cannot be seen here")
	}
	n, _ := m.node(m.about())
	ctx, cancel := context.WithCancel(m.ctx)
	m = m.push(page{view: tapView, subject: n.ID, end: cancel})
	box := &inbox{arrived: make(chan struct{}, 1)}
	id, tap := m.top().id, m.source.Tap
	start := func() tea.Msg {
		err := tap(ctx, n, box.put)
		box.end(err)
		return nil
	}
	return m, tea.Batch(start, box.wait(ctx, id))
}

func (b *inbox) put(row tapRow) {
	b.mu.Lock()
	if len(b.rows) < mostRows {
		b.rows = append(b.rows, row)
	} else {
		b.dropped++
	}
	b.mu.Unlock()
	b.raise()
}

func (b *inbox) end(err error) {
	b.mu.Lock()
	b.err, b.ended = err, true
	b.mu.Unlock()
	b.raise()
}

func (b *inbox) raise() {
	select {
	case b.arrived <- struct{}{}:
	default:
	}
}

// wait returns what has arrived as soon as something has.
func (b *inbox) wait(ctx context.Context, page int) tea.Cmd {
	return func() tea.Msg {
		select {
		case <-ctx.Done():
			return nil
		case <-b.arrived:
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		msg := tapMsg{page: page, rows: b.rows, err: b.err, more: b}
		if b.ended {
			msg.more = nil
		}
		b.rows = nil
		return msg
	}
}

// tapped adds requests to the page that asked for them, unless it was closed.
func (m Model) tapped(msg tapMsg) (Model, tea.Cmd) {
	for i := range m.pages {
		if m.pages[i].id != msg.page {
			continue
		}
		pages := append([]page(nil), m.pages...)
		rows := append(append([]tapRow(nil), pages[i].rows...), msg.rows...)
		pages[i].rows = rows[max(len(rows)-mostRows, 0):]
		m.pages = pages
		switch {
		case msg.err != nil && !errors.Is(msg.err, context.Canceled):
			return m, complain(msg.err.Error())
		case msg.more != nil:
			return m, msg.more.wait(m.ctx, msg.page)
		}
	}
	return m, nil
}

// tapRows shows the newest first.
func tapRows(m Model, p page) printer.Sheet {
	s := printer.Sheet{Names: m.source.TapNames}
	for i := len(p.rows) - 1; i >= 0; i-- {
		s.Rows = append(s.Rows, p.rows[i])
	}
	return matching(s, p)
}
