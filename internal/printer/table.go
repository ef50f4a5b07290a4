package printer

import (
	"io"
	"slices"
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
	lines, widths := aligned(visible(t, p.Format == FormatWide), rows)
	if p.Width > 0 && total(widths) > p.Width && p.Format != FormatWide {
		lines, widths = aligned(slices.DeleteFunc(visible(t, false), func(c Column[T]) bool { return c.Roomy }), rows)
	}
	if p.Width > 0 {
		shrink(widths, p.Width)
	}
	var b strings.Builder
	for _, l := range lines {
		for i := range l {
			l[i].text = Truncate(l[i].text, widths[i])
		}
		writeLine(&b, l, widths, p.Color)
	}
	_, err := io.WriteString(p.Out, b.String())
	return err
}

// aligned are the lines of a table, the header first, and the widths of its columns.
func aligned[T any](columns []Column[T], rows []T) (lines [][]cell, widths []int) {
	if len(columns) == 0 {
		return nil, nil
	}
	header := make([]cell, len(columns))
	for i, c := range columns {
		header[i] = cell{text: c.Name}
	}
	lines = append(make([][]cell, 0, len(rows)+1), header)
	for _, r := range rows {
		lines = append(lines, cells(columns, r))
	}
	widths = make([]int, len(columns))
	for _, l := range lines {
		for i, c := range l {
			widths[i] = max(widths[i], Width(c.text))
		}
	}
	return lines, widths
}

// total is how wide the lines of a table are.
func total(widths []int) int {
	sum := 0
	for _, w := range widths {
		sum += w + len(gap)
	}
	return sum - len(gap)
}

// narrowest is the width below which a column says nothing any more.
const narrowest = 6

// shrink makes the widest columns narrower until a line has room.
func shrink(widths []int, room int) {
	for excess := total(widths) - room; excess > 0; excess-- {
		widest := 0
		for i, w := range widths {
			if w > widths[widest] {
				widest = i
			}
		}
		if len(widths) == 0 || widths[widest] <= narrowest {
			return
		}
		widths[widest]--
	}
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
