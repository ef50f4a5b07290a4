package ui

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/topology"
)

// Request is one that a tap has seen.
type Request struct {
	Began time.Time
	// Line has a cell for each of Source.TapColumns.
	Line printer.Line
	// Describe writes all that is known of it; nil when that is the line.
	Describe func() string
}

// Tapping takes what a tap sees. Its methods may be called from any goroutine.
type Tapping interface {
	Request(r Request)
	// Status is how the tap goes: how many requests were not passed on so far, and what else the user should know.
	Status(dropped uint64, notes ...string)
}

// mostRows bounds what is kept of a tap: an operator reads what is on the screen.
const mostRows = 2000

// tapped is what a page has of a tap: the requests, the oldest first, and how it goes.
type tapped struct {
	requests []Request
	// seen numbers the requests: each keeps its number.
	seen int
	// held are those that came while the page is paused.
	held    []Request
	dropped uint64 // on this side; by is on the other
	by      uint64
	notes   []string
}

type tapMsg struct {
	page int
	news news
	more *inbox
	err  error
}

// news is what has come between two frames.
type news struct {
	requests []Request
	dropped  uint64
	status   bool // by and notes were told
	by       uint64
	notes    []string
}

// inbox collects what comes between two frames. What is too much is dropped and counted.
type inbox struct {
	mu      sync.Mutex
	news    news
	arrived chan struct{}
	err     error
	ended   bool
}

// openTap opens a page with the requests of what is chosen.
func (m Model) openTap() (Model, tea.Cmd) {
	if m.source.Tap == nil {
		return m, complain("single requests cannot be seen here")
	}
	about := m.about()
	nodes := m.standsFor(about)
	if slices.ContainsFunc(nodes, func(n topology.Node) bool { return n.Kind == topology.Unmeshed }) {
		return m, complain("callers without a proxy report nothing: choose the workload that they call")
	}
	ctx, cancel := context.WithCancel(m.ctx)
	m = m.push(page{view: tapView, subject: about, end: cancel})
	box := &inbox{arrived: make(chan struct{}, 1)}
	id, tap := m.top().id, m.source.Tap
	start := func() tea.Msg {
		box.end(tap(ctx, nodes, box))
		return nil
	}
	return m, tea.Batch(start, box.wait(ctx, id))
}

// standsFor are the nodes of the graph that one of the picture stands for; a namespace stands for itself.
func (m Model) standsFor(id string) []topology.Node {
	if n, ok := m.node(id); ok {
		return []topology.Node{n}
	}
	n, ok := m.drawn(id)
	switch {
	case !ok:
		return nil
	case n.Kind == topology.NamespaceKind:
		return []topology.Node{n}
	}
	return slices.DeleteFunc(slices.Clone(m.graph.Nodes), func(o topology.Node) bool { return o.Namespace != n.Namespace || o.Service != n.Service })
}

// Request implements Tapping.
func (b *inbox) Request(r Request) {
	b.change(func(n *news) {
		if len(n.requests) < mostRows {
			n.requests = append(n.requests, r)
		} else {
			n.dropped++
		}
	})
}

// Status implements Tapping.
func (b *inbox) Status(dropped uint64, notes ...string) {
	b.change(func(n *news) { n.status, n.by, n.notes = true, dropped, notes })
}

func (b *inbox) end(err error) {
	b.change(func(*news) { b.err, b.ended = err, true })
}

func (b *inbox) change(do func(*news)) {
	b.mu.Lock()
	do(&b.news)
	b.mu.Unlock()
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
		msg := tapMsg{page: page, news: b.news, err: b.err, more: b}
		if b.ended {
			msg.more = nil
		}
		b.news = news{}
		return msg
	}
}

// tapped gives what has come to the page that asked for it, unless it was closed.
func (m Model) tapped(msg tapMsg) (Model, tea.Cmd) {
	i := slices.IndexFunc(m.pages, func(p page) bool { return p.id == msg.page })
	if i < 0 {
		return m, nil
	}
	m.pages = slices.Clone(m.pages)
	m.pages[i].tapped = m.pages[i].tapped.with(msg.news, m.paused)
	switch {
	case msg.err != nil && !errors.Is(msg.err, context.Canceled):
		return m, complain(msg.err.Error())
	case msg.more != nil:
		return m, msg.more.wait(m.ctx, msg.page)
	}
	return m, nil
}

// with adds news: they wait while paused.
func (t tapped) with(n news, paused bool) tapped {
	t.dropped += n.dropped
	if n.status {
		t.by, t.notes = n.by, n.notes
	}
	t.held = slices.Concat(t.held, n.requests)
	t.dropped += uint64(max(len(t.held)-mostRows, 0))
	t.held = t.held[max(len(t.held)-mostRows, 0):]
	if paused {
		return t
	}
	return t.shown()
}

// shown adds what has waited. The reports of several proxies come one after the other: requests stand in the order in which they began.
func (t tapped) shown() tapped {
	all := slices.Clone(t.requests)
	for _, r := range t.held {
		t.seen++
		r.Line.ID = strconv.Itoa(t.seen)
		all = append(all, r)
	}
	slices.SortStableFunc(all, func(a, b Request) int { return a.Began.Compare(b.Began) })
	t.requests, t.held = all[max(len(all)-mostRows, 0):], nil
	return t
}

// text says how a tap goes, empty while there is nothing to say.
func (t tapped) text() string {
	var out []string
	if n := t.dropped + t.by; n > 0 {
		out = append(out, fmt.Sprintf("%d requests not shown", n))
	}
	if len(t.held) > 0 {
		out = append(out, fmt.Sprintf("%d wait for p", len(t.held)))
	}
	return strings.Join(append(out, t.notes...), "; ")
}

// tapRows shows the newest first.
func tapRows(m Model, p page) printer.Sheet {
	s := m.source.TapColumns
	for _, r := range slices.Backward(p.tapped.requests) {
		s.Rows = append(s.Rows, r.Line)
	}
	return matching(s.In(m.room()), p)
}

// openRequest shows all that is known of a request.
func openRequest(m Model, id string) (Model, tea.Cmd) {
	for _, r := range m.top().tapped.requests {
		if r.Line.ID == id && r.Describe != nil {
			return m.push(page{view: requestView, text: r.Describe()}), nil
		}
	}
	return m, nil
}
