package printer

import (
	"io"
	"strings"
)

const gap = "   "

type cell struct {
	text  string
	level Level
}

// printTable aligns the columns by display width. The last column is not padded, so that lines carry no trailing
// blanks.
func printTable[T any](p *Printer, t Table[T], rows []T) error {
	columns := visible(t, p.Format == FormatWide)
	if len(columns) == 0 {
		return nil
	}
	header := make([]cell, len(columns))
	for i, c := range columns {
		header[i] = cell{text: c.Name}
	}
	lines := append(make([][]cell, 0, len(rows)+1), header)
	for _, r := range rows {
		lines = append(lines, cells(columns, r))
	}
	widths := make([]int, len(columns))
	for _, l := range lines {
		for i, c := range l {
			widths[i] = max(widths[i], Width(c.text))
		}
	}
	var b strings.Builder
	for _, l := range lines {
		writeLine(&b, l, widths, p.Color)
	}
	_, err := io.WriteString(p.Out, b.String())
	return err
}

func visible[T any](t Table[T], wide bool) []Column[T] {
	var out []Column[T]
	for _, c := range t.Columns {
		if wide || !c.Wide {
			out = append(out, c)
		}
	}
	return out
}

func cells[T any](columns []Column[T], row T) []cell {
	out := make([]cell, len(columns))
	for i, c := range columns {
		out[i].text = Escape(c.Value(row))
		if out[i].text == "" {
			out[i].text = "-"
		}
		if c.Level != nil {
			out[i].level = c.Level(row)
		}
	}
	return out
}

func writeLine(w *strings.Builder, line []cell, widths []int, color bool) {
	for i, c := range line {
		text := c.text
		if color {
			text = Paint(c.level, text)
		}
		w.WriteString(text)
		if i < len(line)-1 {
			w.WriteString(strings.Repeat(" ", widths[i]-Width(c.text)))
			w.WriteString(gap)
		}
	}
	w.WriteByte('\n')
}
