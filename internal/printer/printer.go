// Package printer writes rows to people and to programs: one description of a table drives every output format, so
// that what the terminal shows and what JSON says cannot disagree.
package printer

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Format is how rows are written.
type Format string

const (
	// FormatTable is the aligned table with the columns that matter most.
	FormatTable Format = "table"
	// FormatWide is the table with every column.
	FormatWide Format = "wide"
	// FormatJSON is the rows themselves by their json tags, as one array.
	FormatJSON Format = "json"
	// FormatYAML is the same tree as FormatJSON.
	FormatYAML Format = "yaml"
	// FormatName is the first column alone, one a line, for loops in a shell.
	FormatName Format = "name"
)

// Formats lists every format in the order in which help texts name them.
func Formats() []Format {
	return []Format{FormatTable, FormatWide, FormatJSON, FormatYAML, FormatName}
}

// ParseFormat accepts one of allowed (any format when none is given). The error names the choices.
func ParseFormat(s string, allowed ...Format) (Format, error) {
	if len(allowed) == 0 {
		allowed = Formats()
	}
	if f := Format(s); slices.Contains(allowed, f) {
		return f, nil
	}
	names := make([]string, len(allowed))
	for i, f := range allowed {
		names[i] = string(f)
	}
	return "", fmt.Errorf("unknown output format %q: use one of %s", s, strings.Join(names, ", "))
}

// Structured reports whether the format is meant for programs.
func (f Format) Structured() bool { return f == FormatJSON || f == FormatYAML }

// Level says how good or bad a value is. It becomes a colour where colours are allowed, and nothing else.
type Level int

const (
	// Plain values have no colour.
	Plain Level = iota
	// Good is as it should be.
	Good
	// Warn deserves a look.
	Warn
	// Bad needs action.
	Bad
	// Dim is of little interest.
	Dim
)

// Printer is where and how to write. The zero Format is FormatTable. Color is decided by the caller (a terminal, and
// no NO_COLOR in the environment): the printer looks at neither.
type Printer struct {
	Out    io.Writer
	Format Format
	Color  bool
	// Width is how many cells a line of a table may have, 0 for any number: what does not matter most is left out, then texts are cut.
	Width int
}

// Column is one column of a table over rows of type T.
type Column[T any] struct {
	Name  string
	Wide  bool           // shown by FormatWide only
	Roomy bool           // left out by screens that are narrow
	Value func(T) string // the text of the cell; an empty one is shown as "-"
	Level func(T) Level  // may be nil
	// Number is what Sort compares instead of the text; ok is false for rows that have none, which come last. May be nil.
	Number func(T) (n float64, ok bool)
}

// Table describes how rows of type T are shown. T is a struct whose json tags are its public shape.
type Table[T any] struct {
	Columns []Column[T]
}
