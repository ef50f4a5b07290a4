package ui

import (
	"slices"
	"strings"
	"time"

	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"
)

// ask opens the prompt.
func (m Model) ask(kind promptKind) (Model, tea.Cmd) {
	input := textinput.New()
	input.CharLimit = 200
	input.SetWidth(max(m.width-4, 10))
	switch kind {
	case commandPrompt:
		input.Prompt = ":"
		input.ShowSuggestions = true
		input.SetSuggestions(m.completions())
	case filterPrompt:
		input.Prompt = "/"
		input.SetValue(m.top().filter)
	}
	cmd := input.Focus()
	m.prompt = prompt{kind, input}
	return m, cmd
}

// completions are what tab may make of a command.
func (m Model) completions() []string {
	var out []string
	for _, v := range views() {
		out = append(out, v.name)
	}
	for _, w := range Windows() {
		out = append(out, "window "+short(w))
	}
	var spaces []string
	for _, n := range m.graph.Nodes {
		if n.Namespace != "" {
			spaces = append(spaces, "ns "+n.Namespace)
		}
	}
	slices.Sort(spaces)
	out = append(out, slices.Compact(spaces)...)
	return append(out, "ns all", "pause", "export", "help", "quit")
}

// typedKey is a key while the prompt is open.
func (m Model) typedKey(msg tea.KeyPressMsg) (tea.Model, tea.Cmd) {
	switch msg.String() {
	case "esc", "ctrl+c":
		m.prompt = prompt{}
		return m, nil
	case "enter":
		text, kind := strings.TrimSpace(m.prompt.input.Value()), m.prompt.kind
		m.prompt = prompt{}
		if kind == commandPrompt {
			return m.command(text)
		}
		return m.filter(text)
	}
	return m.typed(msg)
}

// typed passes on what only the prompt understands: text, pasting, the blinking of its cursor.
func (m Model) typed(msg tea.Msg) (tea.Model, tea.Cmd) {
	if m.prompt.kind == noPrompt {
		return m, nil
	}
	var cmd tea.Cmd
	m.prompt.input, cmd = m.prompt.input.Update(msg)
	return m, cmd
}

// command carries out what was typed after a colon.
func (m Model) command(text string) (tea.Model, tea.Cmd) {
	word, rest, _ := strings.Cut(text, " ")
	rest = strings.TrimSpace(rest)
	switch word {
	case "":
		return m, nil
	case "q", "q!", "quit", "exit":
		return m.leave()
	case "help", "h":
		return m.push(page{view: helpView}), nil
	case "pause":
		return m.pause(), nil
	case "export", "w", "write":
		return m, m.export()
	case "window":
		return m.windowCommand(rest)
	case "ns", "namespace":
		if rest == "all" || rest == "" {
			return m.filter("")
		}
		return m.filter("ns = " + rest)
	}
	v := viewOf(word)
	if v.name == "" || !slices.ContainsFunc(views(), func(w view) bool { return w.name == v.name }) {
		return m, complain("there is no view and no command " + word + ": ? shows them")
	}
	m = m.show(v.name)
	if rest != "" {
		return m.filter(rest)
	}
	switch v.name {
	case proxiesView:
		if m.source.Proxies == nil {
			return m, complain("the state of proxies cannot be read here")
		}
		return m, m.proxies()
	case tapView:
		return m.pop().openTap()
	}
	return m, nil
}

func (m Model) windowCommand(text string) (tea.Model, tea.Cmd) {
	d, err := time.ParseDuration(text)
	if err != nil || d < Windows()[0] || d > Windows()[len(Windows())-1] {
		return m, complain("a window is from 10s to 30m, such as :window 5m")
	}
	return m.rewindow(d)
}

// short writes a duration without zero parts: 5m, not 5m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	return s
}
