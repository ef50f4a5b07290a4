package ui

import (
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/rivo/uniseg"

	"github.com/meshctl/meshctl/internal/printer"
)

// The sixteen colours that every terminal has, so that the user's own scheme decides how they look.
var palette = map[printer.Level]lipgloss.Style{ //nolint:gochecknoglobals // a table
	printer.Plain: lipgloss.NewStyle(),
	printer.Good:  lipgloss.NewStyle().Foreground(lipgloss.Green),
	printer.Warn:  lipgloss.NewStyle().Foreground(lipgloss.Yellow),
	printer.Bad:   lipgloss.NewStyle().Foreground(lipgloss.Red).Bold(true),
	printer.Dim:   lipgloss.NewStyle().Foreground(lipgloss.BrightBlack),
}

func paint(l printer.Level, s string) string { return palette[l].Render(s) }

func bold(s string) string { return lipgloss.NewStyle().Bold(true).Render(s) }

func underline(s string) string { return lipgloss.NewStyle().Bold(true).Underline(true).Render(s) }

func reverse(s string) string { return lipgloss.NewStyle().Reverse(true).Render(s) }

// fit makes a styled line exactly so many cells wide.
func fit(s string, cells int) string {
	s = ansi.Truncate(s, cells, "…")
	if gap := cells - ansi.StringWidth(s); gap > 0 {
		s += strings.Repeat(" ", gap)
	}
	return s
}

// wrapped is a text after what it begins with, on as many lines as it takes: later ones are indented as far as the first.
func wrapped(begin, text string, width int) []string {
	lines, indent := []string{begin}, ansi.StringWidth(begin)
	for _, word := range strings.Fields(text) {
		last := &lines[len(lines)-1]
		if ansi.StringWidth(*last)+1+ansi.StringWidth(word) > width && ansi.StringWidth(*last) > indent {
			lines = append(lines, strings.Repeat(" ", indent))
			last = &lines[len(lines)-1]
		}
		*last += " " + word
	}
	return lines
}

// block makes exactly so many lines of a width out of a text.
func block(lines []string, width, height int) []string {
	out := make([]string, height)
	for i := range out {
		if i < len(lines) {
			out[i] = fit(lines[i], width)
		} else {
			out[i] = strings.Repeat(" ", width)
		}
	}
	return out
}

// toASCII leaves of a styled text what any terminal shows, in as many cells: names may be in any script.
func toASCII(s string) string {
	signs := map[string]string{"…": "~", "↓": "v", "↑": "^", "→": ">", "←": "<", "›": ">", "↔": "="}
	var b strings.Builder
	for state := -1; s != ""; {
		var c string
		c, s, _, state = uniseg.FirstGraphemeClusterInString(s, state)
		switch sign := signs[c]; {
		case len(c) == 1 || c == "\r\n":
			b.WriteString(c)
		case sign != "":
			b.WriteString(sign)
		default:
			b.WriteString(strings.Repeat("?", ansi.StringWidth(c)))
		}
	}
	return b.String()
}
