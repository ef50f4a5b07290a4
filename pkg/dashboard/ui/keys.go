package ui

import (
	"slices"
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/pkg/topology/filter"
)

// binding is what a key does. The help is made of these.
type binding struct {
	key.Binding
	do func(Model) (Model, tea.Cmd)
}

func bind(keys, shown, about string, do func(Model) (Model, tea.Cmd)) binding {
	return binding{key.NewBinding(key.WithKeys(strings.Fields(keys)...), key.WithHelp(shown, about)), do}
}

// bindings are the keys of every page, in the order of the help.
func bindings() []binding {
	return []binding{
		bind(":", ":", "a command: the name of a view, q, window 5m, ns NAME, ... (tab completes)", func(m Model) (Model, tea.Cmd) { return m.ask(commandPrompt) }),
		bind("/", "/", "a filter: part of a name, or err > 5%, rt > 500, rps < 1, !mtls, ns = prod, AND, OR, NOT; the same once more hides what does not match", func(m Model) (Model, tea.Cmd) { return m.ask(filterPrompt) }),
		bind("?", "?", "this help", func(m Model) (Model, tea.Cmd) { return m.push(page{view: helpView}), nil }),
		bind("enter", "enter", "open what is chosen", Model.enter),
		bind("esc backspace", "esc", "back, or end a filter", func(m Model) (Model, tea.Cmd) { return m.back(), nil }),
		bind("up k", "↑ k", "up", func(m Model) (Model, tea.Cmd) { return m.move(0, -1), nil }),
		bind("down j", "↓ j", "down", func(m Model) (Model, tea.Cmd) { return m.move(0, 1), nil }),
		bind("left h", "← h", "left", func(m Model) (Model, tea.Cmd) { return m.move(-1, 0), nil }),
		bind("right l", "→ l", "right", func(m Model) (Model, tea.Cmd) { return m.move(1, 0), nil }),
		bind("pgup ctrl+b", "pgup", "a page up", func(m Model) (Model, tea.Cmd) { return m.move(0, -m.bodyHeight()), nil }),
		bind("pgdown ctrl+f", "pgdn", "a page down", func(m Model) (Model, tea.Cmd) { return m.move(0, m.bodyHeight()), nil }),
		bind("home g", "g", "to the first", func(m Model) (Model, tea.Cmd) { return m.move(0, -most), nil }),
		bind("end G", "G", "to the last", func(m Model) (Model, tea.Cmd) { return m.move(0, most), nil }),
		bind("d", "d", "describe what is chosen", Model.enter),
		bind("x", "x", "what its proxies run (xDS)", Model.openConfig),
		bind("a", "a", "findings of analysis", func(m Model) (Model, tea.Cmd) { return m.show(findingsView), nil }),
		bind("t", "t", "tap: its requests, one by one", Model.openTap),
		bind("e", "e", "topology: another label on edges", func(m Model) (Model, tea.Cmd) { return m.draw(drawing.nextLabel), nil }),
		bind("m", "m", "topology: mark what is not mutual TLS", func(m Model) (Model, tea.Cmd) { return m.draw(drawing.toggleTLS), nil }),
		bind("c", "c", "topology: collapse all to services, to namespaces, and expand", func(m Model) (Model, tea.Cmd) { return m.draw(drawing.nextLevel), nil }),
		bind("[", "[", "topology: fold what is chosen into its service, that into its namespace (with the mouse: the namespace's name)", Model.fold),
		bind("]", "]", "topology: unfold what is chosen (with the mouse: the right button)", Model.unfold),
		bind("o", "o", "topology: with and without what the change of --plan would do", Model.togglePlan),
		bind("+ =", "+", "topology: closer", func(m Model) (Model, tea.Cmd) { return m.draw(drawing.closer), nil }),
		bind("- _", "-", "topology: farther", func(m Model) (Model, tea.Cmd) { return m.draw(drawing.farther), nil }),
		bind("f 0", "f", "topology: fit into the screen", func(m Model) (Model, tea.Cmd) { return m.draw(drawing.fit), nil }),
		bind("w", "w", "another window: 10s to 30m", Model.nextWindow),
		bind("p space", "p", "pause and go on, requests of a tap too", func(m Model) (Model, tea.Cmd) { return m.pause(), nil }),
		bind("ctrl+z", "ctrl-z", "only edges that fail or are not encrypted", func(m Model) (Model, tea.Cmd) {
			return m.edit(func(p *page) { p.bad = !p.bad }), nil
		}),
		bind("ctrl+s", "ctrl-s", "write the picture and its numbers into an HTML file here", func(m Model) (Model, tea.Cmd) { return m, m.export() }),
		bind("q ctrl+c", "q", "quit (in a page that was opened from another one: back)", Model.quit),
	}
}

// most is farther than any page goes.
const most = 1 << 30

// key does what a key stands for: first in the prompt, then the bindings, then the letters by which columns are sorted.
func (m Model) key(msg tea.KeyPressMsg) (tea.Model, tea.Cmd) {
	m.flash = flashMsg{}
	if m.prompt.kind != noPrompt {
		return m.typedKey(msg)
	}
	if msg.String() == "ctrl+c" {
		return m.leave()
	}
	for _, b := range bindings() {
		if key.Matches(msg, b.Binding) {
			return b.do(m)
		}
	}
	if m.top().view == topologyView {
		return m.panBy(msg.String()), nil
	}
	return m.sortBy(msg.String()), nil
}

// panBy moves the picture by the capital letters of the keys that move the cursor.
func (m Model) panBy(letter string) Model {
	way := map[string][2]int{"H": {-10, 0}, "J": {0, 4}, "K": {0, -4}, "L": {10, 0}}[letter]
	if way == [2]int{} {
		return m
	}
	return m.pan(way[0], way[1])
}

// sortBy sorts by the column of a capital letter; by the same again the other way.
func (m Model) sortBy(letter string) Model {
	p := m.top()
	rows := viewOf(p.view).rows
	if rows == nil {
		return m
	}
	names := rows(m, p).Names
	i := slices.Index(sortLetters(p.view, names), letter)
	if i < 0 || letter == "" {
		return m
	}
	return m.edit(func(p *page) {
		p.reverse = p.sort == names[i] && !p.reverse
		p.sort = names[i]
	})
}

// sortLetters gives each column of a view the first letter of its name that no other column before it has. G is taken: it goes to the end.
func sortLetters(of string, names []string) []string {
	taken := map[rune]bool{'G': true}
	out := make([]string, len(names))
	if viewOf(of).ordered {
		return out
	}
	for i, name := range names {
		for _, r := range name {
			if r >= 'A' && r <= 'Z' && !taken[r] {
				taken[r], out[i] = true, string(r)
				break
			}
		}
	}
	return out
}

func (m Model) enter() (Model, tea.Cmd) {
	id, open := m.chosen(), viewOf(m.top().view).enter
	if id == "" || open == nil {
		return m, nil
	}
	return open(m, id)
}

// back ends a filter, or goes to the page before.
func (m Model) back() Model {
	if p := m.top(); p.filter != "" && p.subject == "" {
		return m.edit(func(p *page) { p.filter, p.expr, p.hide = "", filter.Expr{}, false }).arrange()
	}
	return m.pop()
}

func (m Model) quit() (Model, tea.Cmd) {
	if len(m.pages) > 1 {
		return m.pop(), nil
	}
	return m.leave()
}

// leave ends the program, and what pages still do.
func (m Model) leave() (Model, tea.Cmd) {
	for _, p := range m.pages {
		if p.end != nil {
			p.end()
		}
	}
	return m, tea.Quit
}

func (m Model) pause() Model {
	m.paused = !m.paused
	if m.paused {
		return m.arrange()
	}
	m.graph, m.pages = m.latest, slices.Clone(m.pages)
	for i := range m.pages {
		m.pages[i].tapped = m.pages[i].tapped.shown()
	}
	return m.arrange()
}

// togglePlan shows today's graph, or what a planned change makes of it.
func (m Model) togglePlan() (Model, tea.Cmd) {
	if m.graph.Plan == nil {
		return m, complain("there is no plan: start the dashboard with --plan -f FILE")
	}
	return m.draw(drawing.togglePlan), nil
}

func (m Model) nextWindow() (Model, tea.Cmd) {
	all := Windows()
	return m.rewindow(all[(slices.Index(all, m.window)+1)%len(all)])
}

// about is the node that a key such as x or t means: the subject of the page, that which is chosen (of a picture, also one that stands for several),
// or the caller of a chosen edge.
func (m Model) about() string {
	if m.top().view == nodeView {
		return m.top().subject
	}
	if id := m.chosen(); id != "" {
		if len(m.standsFor(id)) > 0 {
			return id
		}
		if e, ok := m.edge(id); ok {
			return e.From
		}
	}
	if e, ok := m.edge(m.top().subject); ok {
		return e.From
	}
	return m.top().subject
}

func (m Model) openConfig() (Model, tea.Cmd) {
	n, ok := m.node(m.about())
	if m.top().view == proxiesView {
		n, ok = proxyNode(m.chosen())
	}
	switch {
	case m.source.Config == nil:
		return m, complain("configuration cannot be read here")
	case !ok:
		return m, complain("choose a workload first")
	}
	m = m.push(page{view: configView, subject: n.ID, text: "reading ..."})
	return m, m.config(n, m.top().id)
}

// proxyNode is a proxy, "NAME.NAMESPACE", as a node of its own.
func proxyNode(id string) (topology.Node, bool) {
	dot := strings.LastIndexByte(id, '.') // namespaces have none
	if dot < 0 {
		return topology.Node{}, false
	}
	return topology.Node{ID: id, Kind: topology.Workload, Name: id[:dot], Namespace: id[dot+1:]}, true
}

// read fills the page that asked for a text, if it is still open.
func (m Model) read(msg textMsg) Model {
	m.pages = slices.Clone(m.pages)
	for i := range m.pages {
		if m.pages[i].id == msg.page {
			m.pages[i].text = msg.text
			if msg.err != nil {
				m.pages[i].text = msg.err.Error()
			}
		}
	}
	return m
}
