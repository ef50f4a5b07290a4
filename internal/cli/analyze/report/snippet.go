package report

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/meshctl/meshctl/internal/printer"
)

const (
	// snippetRunes is how much of a long line is shown, and snippetLead how much of that before what is meant.
	snippetRunes = 120
	snippetLead  = 40
)

// snippet shows the line of a finding with a mark under the word that begins there, where the line is known.
func (w Writer) snippet(b *strings.Builder, f Finding) {
	line := []rune(f.Line())
	from := f.Position.Column - 1
	if from < 0 || from >= len(line) {
		return
	}
	start, mark := 0, token(line, from)
	end := len(line)
	if end > snippetRunes {
		start = max(0, min(from-snippetLead, end-snippetRunes))
		end = min(end, start+snippetRunes)
		mark = min(mark, end-from)
	}
	before, marked, after := visible(line[start:from]), visible(line[from:from+mark]), visible(line[from+mark:end])
	if start > 0 {
		before = "..." + before
	}
	if end < len(line) {
		after += "..."
	}
	number := strconv.Itoa(f.Position.Line)
	fmt.Fprintf(b, "  %s | %s\n", number, strings.TrimRight(before+marked+after, " "))
	fmt.Fprintf(b, "  %s | %s%s\n", strings.Repeat(" ", len(number)), strings.Repeat(" ", printer.Width(before)),
		w.paint(printer.Warn, strings.Repeat("^", max(1, printer.Width(marked)))))
}

func visible(line []rune) string {
	return printer.Escape(strings.ReplaceAll(string(line), "\t", "    "))
}

// token is the length of the YAML or JSON word that begins at from: a quoted text with its quotes, else up to what ends a
// plain one.
func token(line []rune, from int) int {
	switch quote := line[from]; quote {
	case '"', '\'':
		for i := from + 1; i < len(line); i++ {
			switch {
			case line[i] == '\\' && quote == '"':
				i++
			case line[i] == quote:
				return i + 1 - from
			}
		}
		return len(line) - from
	case '{', '[', '-', '&', '*', '|', '>':
		return 1
	}
	i := from
	for ; i < len(line); i++ {
		next := ' '
		if i+1 < len(line) {
			next = line[i+1]
		}
		if strings.ContainsRune(",]} \t", line[i]) || line[i] == ':' && strings.ContainsRune(" \t", next) {
			break
		}
	}
	return max(1, i-from)
}
