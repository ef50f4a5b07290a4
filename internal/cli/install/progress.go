package install

import (
	"fmt"
	"strings"

	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/install/wait"
)

// Console narrates on standard error: on a terminal the tree of what is waited for is drawn over itself, elsewhere each line is written
// once, when it is new.
type Console struct {
	f     *factory.Factory
	color bool
	drawn int
	said  map[string]bool
}

// NewConsole returns one.
func NewConsole(f *factory.Factory) *Console {
	return &Console{f: f, color: f.ErrTerminal && f.Color, said: map[string]bool{}}
}

// Step writes a line above the tree.
func (c *Console) Step(line string) {
	c.erase()
	fmt.Fprintf(c.f.IO.ErrOut, "%s %s\n", c.paint(printer.Good, "✔"), printer.EscapeLines(line))
}

// Tree shows what is waited for.
func (c *Console) Tree(nodes []wait.Node) {
	if !c.f.ErrTerminal {
		c.plain(nodes)
		return
	}
	c.erase()
	if nodes == nil {
		return
	}
	lines := wait.Lines(nodes, c.glyph)
	columns, rows := c.f.ErrSize()
	if more := len(lines) - (rows - 2); more > 0 { // what scrolled away, and lines that the terminal broke, could not be erased
		lines = append(lines[:len(lines)-more], fmt.Sprintf("… and %d lines more", more))
	}
	for _, line := range lines {
		fmt.Fprintln(c.f.IO.ErrOut, printer.Truncate(printer.Escape(strings.ReplaceAll(line, "\n", " ")), columns-1))
	}
	c.drawn = len(lines)
}

func (c *Console) plain(nodes []wait.Node) {
	for _, n := range nodes {
		if n.State != wait.Ready && !c.said[n.Kind+n.Name] {
			c.said[n.Kind+n.Name] = true
			c.f.Say("… waiting for %s %s", n.Kind, n.Name)
		}
		if n.State == wait.Ready && c.said[n.Kind+n.Name] {
			delete(c.said, n.Kind+n.Name)
			c.f.Say("✔ %s %s is ready", n.Kind, n.Name)
		}
		if n.State != wait.Ready {
			c.troubles(n.Kind+" "+n.Name, n.Children)
		}
	}
}

// troubles writes what is said of the parts of an object, each line once.
func (c *Console) troubles(where string, nodes []wait.Node) {
	for _, n := range nodes {
		if n.State == wait.Ready {
			continue
		}
		at := where + " > " + n.Name
		if line := at + ": " + n.Message; n.Message != "" && !c.said[line] {
			c.said[line] = true
			c.f.Say("  %s", line)
		}
		c.troubles(at, n.Children)
	}
}

// erase takes the tree off the terminal.
func (c *Console) erase() {
	if c.drawn > 0 {
		fmt.Fprintf(c.f.IO.ErrOut, "\x1b[%dA\x1b[J", c.drawn)
		c.drawn = 0
	}
}

func (c *Console) glyph(s wait.State) string {
	switch s {
	case wait.Ready:
		return "✔"
	case wait.Stuck:
		return "✘"
	default:
		return "…"
	}
}

func (c *Console) paint(l printer.Level, s string) string {
	if !c.color {
		return s
	}
	return printer.Paint(l, s)
}
