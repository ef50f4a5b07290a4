package ui

import (
	"context"
	"time"

	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"

	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/dashboard/draw"
	"github.com/meshctl/meshctl/pkg/topology"
)

// Options of New.
type Options struct {
	Source Source
	// Name is that of the mesh or cluster, for the header.
	Name string
	// Window is the time over which rates are computed; one of Windows.
	Window time.Duration
	// ASCII draws without box characters and symbols; Colorless adds signs where only colours would tell.
	ASCII, Colorless bool
	// Labels are what is written on edges at first, unless nil: rates. MTLS colours edges by how they are secured, Bad leaves out those with which
	// nothing is wrong.
	Labels    *draw.Labels
	MTLS, Bad bool
	// Level is how much is one node at first.
	Level topology.Level
}

// Windows are the spans that can be chosen, shortest first.
func Windows() []time.Duration {
	return []time.Duration{10 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute}
}

// Model is the state of the dashboard.
type Model struct {
	ctx    context.Context //nolint:containedctx // of the program: commands end with it
	source Source
	name   string
	ascii  bool
	plain  bool // colorless
	// turn counts the windows that were asked for: answers to earlier ones are late.
	turn          int
	window        time.Duration
	width, height int

	graph   topology.Graph // as shown
	latest  topology.Graph // as last received: not shown while paused
	history *history
	events  []event
	link    link
	paused  bool
	sheet   printer.Sheet // of the proxies
	// arranged is the picture of the topology, phase how far its marks have moved.
	arranged arranged
	phase    int

	pages  []page
	issued int // pages so far, for their ids
	prompt prompt
	flash  flashMsg
}

// link is the state of the connection.
type link struct {
	up       bool
	err      error
	failures int
	waited   time.Duration // since the last picture
}

// unanswered is how long pictures may take until the dashboard says that it waits.
const unanswered = 5 * time.Second

func (l link) late() bool { return l.up && l.waited >= unanswered }

// prompt is the line in which commands and filters are typed.
type prompt struct {
	kind  promptKind
	input textinput.Model
}

type promptKind int

const (
	noPrompt promptKind = iota
	commandPrompt
	filterPrompt
)

// New returns the state before the first picture. Commands end with ctx.
func New(ctx context.Context, o Options) Model {
	if o.Window == 0 {
		o.Window = time.Minute
	}
	m := Model{ctx: ctx, source: o.Source, name: o.Name, ascii: o.ASCII, plain: o.Colorless, window: o.Window, history: newHistory(), width: 80, height: 24}
	p := newPage(topologyView)
	p.bad, p.drawing.options.MTLS, p.drawing.folds.Level = o.Bad, o.MTLS, o.Level
	if o.Labels != nil {
		p.drawing.options.Labels = *o.Labels
	}
	return m.push(p)
}

// Init implements tea.Model.
func (m Model) Init() tea.Cmd { return tea.Batch(m.next(), tick()) }

// frames is how often marks move along the edges of the picture.
const frames = 250 * time.Millisecond

type tickMsg struct{}

func tick() tea.Cmd { return tea.Tick(frames, func(time.Time) tea.Msg { return tickMsg{} }) }

// Update implements tea.Model.
func (m Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
		return m.arrange(), nil
	case tea.KeyPressMsg:
		return m.key(msg)
	case tea.MouseMsg:
		return m.mouse(msg)
	case graphMsg:
		return m.received(msg)
	case againMsg:
		if msg.turn != m.turn {
			return m, nil
		}
		return m, m.next()
	case sheetMsg:
		if msg.err != nil {
			return m, complain(msg.err.Error())
		}
		m.sheet = msg.sheet
		return m, nil
	case textMsg:
		return m.read(msg), nil
	case tickMsg:
		if !m.source.Recorded {
			m.link.waited += frames
		}
		if !m.paused && m.link.up && !m.link.late() {
			m.phase++
		}
		return m, tick()
	case tapMsg:
		return m.tapped(msg)
	case flashMsg:
		m.flash = msg
		return m, nil
	}
	return m.typed(msg)
}

// received takes the next picture, or tries again where there is none.
func (m Model) received(msg graphMsg) (Model, tea.Cmd) {
	if msg.turn != m.turn {
		return m, nil
	}
	if msg.err != nil {
		if m.ctx.Err() != nil {
			return m, tea.Quit
		}
		m.link = link{err: msg.err, failures: m.link.failures + 1}
		return m, m.again()
	}
	m.link = link{up: true}
	msg.graph = msg.graph.Clean()
	m.events = append(m.events, changes(m.latest, msg.graph)...)
	m.events = m.events[max(len(m.events)-mostEvents, 0):]
	m.latest = msg.graph
	m.history.add(msg.graph)
	if !m.paused {
		m.graph = msg.graph
		m = m.arrange()
	}
	cmds := []tea.Cmd{m.next()}
	if m.top().view == proxiesView {
		cmds = append(cmds, m.proxies())
	}
	return m, tea.Batch(cmds...)
}

// rewindow shows another span of time.
func (m Model) rewindow(w time.Duration) (Model, tea.Cmd) {
	m.window = w
	m.turn++
	return m, m.next()
}
