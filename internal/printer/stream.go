package printer

import (
	"io"
	"strings"
)

// Stream writes rows as they come, in the columns of a table whose widths grow with what has been seen. It is for one goroutine at a time.
type Stream[T any] struct {
	p       *Printer
	columns []Column[T]
	widths  []int
	begun   bool
}

// NewStream returns a Stream in the printer's format, FormatTable or FormatWide. least are the widths to begin with, by column name.
func NewStream[T any](p *Printer, t Table[T], least map[string]int) *Stream[T] {
	s := &Stream[T]{p: p, columns: visible(t, p.Format == FormatWide)}
	for _, c := range s.columns {
		s.widths = append(s.widths, max(Width(c.Name), least[c.Name]))
	}
	return s
}

// Row writes one row, after the header if it is the first.
func (s *Stream[T]) Row(row T) error {
	var b strings.Builder
	line := cells(s.columns, row)
	for i, c := range line {
		s.widths[i] = max(s.widths[i], Width(c.text))
	}
	if !s.begun {
		s.begun = true
		header := make([]cell, len(s.columns))
		for i, c := range s.columns {
			header[i] = cell{text: c.Name}
		}
		writeLine(&b, header, s.widths, s.p.Color)
	}
	writeLine(&b, line, s.widths, s.p.Color)
	_, err := io.WriteString(s.p.Out, b.String())
	return err
}
