package ui

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// hints are the chief keys, as many as there is room for.
func (m Model) hints() string {
	line := ""
	for _, hint := range []string{": command", "/ filter", "? help", "q quit", "enter open", "esc back", "x xDS", "t tap", "a findings", "w window", "p pause"} {
		if next := line + "  " + hint; ansi.StringWidth(next) < m.width {
			line = next
		}
	}
	return line[1:]
}

// help is the page of all keys, views and commands.
func (m Model) help() []string {
	const keys, names = 10, 13
	lines := []string{"", bold("  Keys")}
	for _, b := range bindings() {
		h := b.Help()
		lines = append(lines, m.entry(m.arrows(h.Key), h.Desc, keys)...)
	}
	lines = append(lines, m.entry("H J K L", "topology: move the picture", keys)...)
	lines = append(lines, m.entry("A-Z", "lists: sort by the column with this letter underlined; again: the other way", keys)...)
	lines = append(lines, "", bold("  Views"))
	for _, v := range views() {
		lines = append(lines, m.entry(":"+v.name, v.about, names)...)
	}
	lines = append(lines, "", bold("  Commands"))
	for _, c := range [][2]string{
		{":window 5m", "the time that numbers are about"}, {":ns NAME", "only a namespace; :ns all shows all"}, {":pause", "pause and go on"},
		{":export", "write the picture and its numbers into an HTML file"}, {":quit", "leave"},
	} {
		lines = append(lines, m.entry(c[0], c[1], names)...)
	}
	return lines
}

// entry is a word and what it means.
func (m Model) entry(word, about string, width int) []string {
	return wrapped("  "+fit(word, width), about, m.width)
}

// arrows are written out where only ASCII may be used.
func (m Model) arrows(s string) string {
	if !m.ascii {
		return s
	}
	return strings.NewReplacer("↑", "up", "↓", "down", "←", "left", "→", "right").Replace(s)
}
