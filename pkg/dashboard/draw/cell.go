package draw

import (
	"strings"

	"github.com/meshctl/meshctl/internal/printer"
)

// Ink is what a cell says by its colour. Without colours it says nothing: signs say the same.
type Ink uint8

// The inks. Those before Accent are the levels of internal/printer.
const (
	Plain  = Ink(printer.Plain)
	Good   = Ink(printer.Good)
	Warn   = Ink(printer.Warn)
	Bad    = Ink(printer.Bad)
	Dim    = Ink(printer.Dim)
	Accent = Dim + 1
)

// Style is how a cell looks.
type Style struct {
	Ink           Ink
	Bold, Reverse bool
}

// Cell is a place on the canvas: one character with its combining marks, one or two cells wide. The cell right of a wide one has no text.
type Cell struct {
	Text  string
	Style Style
}

// sgr returns the escape sequence that switches to a style: of the sixteen colours that every terminal has, so that the user's own scheme
// decides how they look.
func (s Style) sgr() string {
	if s == (Style{}) {
		return ""
	}
	var codes []string
	if s.Bold {
		codes = append(codes, "1")
	}
	if s.Reverse {
		codes = append(codes, "7")
	}
	switch s.Ink {
	case Good:
		codes = append(codes, "32")
	case Warn:
		codes = append(codes, "33")
	case Bad:
		codes = append(codes, "31")
	case Dim:
		codes = append(codes, "90")
	case Accent:
		codes = append(codes, "36")
	}
	return "\x1b[" + strings.Join(codes, ";") + "m"
}

// writeRow writes cells as text, with escape sequences where the style changes if colours are wanted. Nothing else on the canvas can be a
// control character (see clean).
func writeRow(b *strings.Builder, row []Cell, color bool) {
	now := Style{}
	for i := 0; i < len(row); i++ {
		c := row[i]
		if color && c.Style != now {
			if now != (Style{}) {
				b.WriteString("\x1b[0m")
			}
			b.WriteString(c.Style.sgr())
			now = c.Style
		}
		if c.Text == "" {
			b.WriteByte(' ')
			continue
		}
		b.WriteString(c.Text)
		i += widthOf(c.Text) - 1
	}
	if now != (Style{}) {
		b.WriteString("\x1b[0m")
	}
}
