package check

import (
	"fmt"
	"strings"

	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/check"
)

// writer writes findings for people.
type writer struct {
	to    *printer.Printer
	ascii bool
	err   error
}

// mark is a state on the screen: a sign for people, words for logs and pipes.
func (w *writer) mark(s check.State) string {
	signs := map[check.State][2]string{
		check.OK: {"√", "[ok]     "}, check.Warning: {"‼", "[warning]"}, check.Error: {"×", "[error]  "}, check.Skipped: {"-", "[skipped]"},
	}
	if w.ascii {
		return signs[s][1]
	}
	levels := map[check.State]printer.Level{check.OK: printer.Good, check.Warning: printer.Warn, check.Error: printer.Bad}
	if level, ok := levels[s]; ok && w.to.Color {
		return printer.Paint(level, signs[s][0])
	}
	return signs[s][0]
}

func (w *writer) printf(format string, args ...any) {
	if w.err == nil {
		_, w.err = fmt.Fprintf(w.to.Out, format, args...)
	}
}

// group writes a category when all of its checks are done.
func (w *writer) group(g check.Group) {
	w.printf("%s\n%s\n", g.Category, strings.Repeat("-", printer.Width(g.Category)))
	for _, f := range g.Checks {
		w.finding(f)
	}
	w.printf("\n")
}

func (w *writer) finding(f check.Finding) {
	title := f.Title
	if f.State == check.OK && f.Message != "" {
		title += ": " + printer.EscapeLines(f.Message)
	}
	w.printf("%s %s\n", w.mark(f.State), title)
	if f.State == check.OK {
		return
	}
	w.printf("    %s\n", printer.EscapeLines(f.Message))
	for _, d := range f.Details {
		w.printf("      - %s\n", printer.EscapeLines(d))
	}
	if f.Hint != "" {
		w.printf("    hint: %s (%s)\n", printer.EscapeLines(f.Hint), f.ID)
	}
}

// end writes the last line.
func (w *writer) end(worst check.State) error {
	words := map[check.State]string{
		check.OK: "all is well", check.Skipped: "nothing is wrong in what could be checked",
		check.Warning: "it works, with warnings", check.Error: "something is wrong",
	}
	w.printf("%s %s\n", w.mark(worst), words[worst])
	return w.err
}
