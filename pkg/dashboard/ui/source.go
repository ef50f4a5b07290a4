package ui

import (
	"context"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/topology"
)

// Source is where the dashboard's content comes from. Next is required; what else is nil cannot be shown, and the dashboard says so.
type Source struct {
	// Next waits for the next picture of a window of time. An error is a lost connection: Next is called again, later and later.
	Next func(ctx context.Context, window time.Duration) (topology.Graph, error)
	// Recorded says that the pictures are of a recorded session: Next may wait for as long as it likes.
	Recorded bool
	// Proxies is the state of each proxy's configuration.
	Proxies func(ctx context.Context) (printer.Sheet, error)
	// Config is what the proxies of a node run, for reading.
	Config func(ctx context.Context, node topology.Node) (string, error)
	// Tap passes on requests to and from nodes, or all of them for none, until ctx ends.
	Tap func(ctx context.Context, nodes []topology.Node, to Tapping) error
	// TapColumns are those of what Tap passes on, without rows.
	TapColumns printer.Sheet
	// Export writes what is shown into a file and returns its name.
	Export func(g topology.Graph, screen string) (string, error)
}

// patience is how long a question may take.
const patience = 15 * time.Second

type (
	graphMsg struct {
		graph topology.Graph
		err   error
		turn  int
	}
	sheetMsg struct {
		sheet printer.Sheet
		err   error
	}
	textMsg struct {
		page int
		text string
		err  error
	}
	flashMsg struct {
		text string
		bad  bool
	}
	againMsg struct{ turn int }
)

// next asks for the next picture. Answers to earlier turns, of another window, are dropped.
func (m Model) next() tea.Cmd {
	ctx, window, turn, ask, recorded := m.ctx, m.window, m.turn, m.source.Next, m.source.Recorded
	return func() tea.Msg {
		if !recorded {
			bounded, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			ctx = bounded
		}
		g, err := ask(ctx, window)
		return graphMsg{g, err, turn}
	}
}

// proxies asks for the state of the proxies.
func (m Model) proxies() tea.Cmd {
	ctx, ask := m.ctx, m.source.Proxies
	if ask == nil {
		return nil
	}
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		s, err := ask(ctx)
		return sheetMsg{s, err}
	}
}

// config asks for what a node's proxies run, for a page.
func (m Model) config(node topology.Node, page int) tea.Cmd {
	ctx, ask := m.ctx, m.source.Config
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		text, err := ask(ctx, node)
		return textMsg{page, text, err}
	}
}

// export writes the present screen to a file.
func (m Model) export() tea.Cmd {
	if m.source.Export == nil {
		return complain("this dashboard cannot write files")
	}
	g, screen, write := m.graph, m.View().Content, m.source.Export
	return func() tea.Msg {
		name, err := write(g, screen)
		if err != nil {
			return flashMsg{"not written: " + err.Error(), true}
		}
		return flashMsg{"written to " + name, false}
	}
}

// complain shows what went wrong until the next key.
func complain(text string) tea.Cmd {
	return func() tea.Msg { return flashMsg{text, true} }
}

// Retries of a lost connection: the first comes soon, later ones every few seconds.
const (
	firstRetry = 250 * time.Millisecond
	lastRetry  = 5 * time.Second
)

func (m Model) again() tea.Cmd {
	wait := min(firstRetry<<min(m.link.failures, 10), lastRetry)
	turn := m.turn
	return tea.Tick(wait, func(time.Time) tea.Msg { return againMsg{turn} })
}
