// Package yamledit changes single places of a text, and nothing else of it: comments, layout, quotes and ends of lines stay as they are.
package yamledit

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"
)

// Edit replaces Old, which begins at a line and column, by New.
type Edit struct {
	// Line and Column count from 1, the column in characters. The line behind the last one is the end of the text. A byte order mark
	// does not count.
	Line, Column int
	// Old is what stands there, on one line; empty to insert.
	Old string
	// New may have several lines, which end in "\n" whatever the text's lines end in.
	New string
}

var (
	// ErrNotThere means that the text has no such place, or something else than Old stands there.
	ErrNotThere = errors.New("the text there is not what it was")
	// ErrOverlap means that two edits change the same place.
	ErrOverlap = errors.New("another fix changes the same place")
)

// Apply makes all edits, whose places are those of the unchanged text, or none. Equal edits are one.
func Apply(text []byte, edits []Edit) ([]byte, error) {
	spots, err := locate(text, edits)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	done := 0
	for _, s := range spots {
		out.Write(text[done:s.start])
		out.WriteString(s.text)
		done = s.end
	}
	out.Write(text[done:])
	return out.Bytes(), nil
}

// spot is an edit in bytes.
type spot struct {
	start, end int
	text       string
}

func locate(text []byte, edits []Edit) ([]spot, error) {
	lines := lineStarts(text)
	var out []spot
	for _, e := range edits {
		s, err := e.spot(text, lines)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b spot) int { return a.start - b.start })
	for i := 1; i < len(out); i++ {
		if out[i].start < out[i-1].end || out[i].start == out[i-1].start {
			return nil, ErrOverlap
		}
	}
	return out, nil
}

// lineStarts are the offsets of lines, and of the end.
func lineStarts(text []byte) []int {
	first := len(text) - len(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")))
	starts := []int{first}
	for i := first; i < len(text); i++ {
		if text[i] == '\n' {
			starts = append(starts, i+1)
		}
	}
	if starts[len(starts)-1] != len(text) {
		starts = append(starts, len(text))
	}
	return starts
}

func (e Edit) spot(text []byte, lines []int) (spot, error) {
	if e.Line < 1 || e.Column < 1 || e.Line > len(lines) || strings.Contains(e.Old, "\n") {
		return spot{}, ErrNotThere
	}
	at, end := lines[e.Line-1], len(text)
	if e.Line < len(lines) {
		end = lines[e.Line]
	}
	line := bytes.TrimRight(text[at:end], "\r\n")
	ending := "\n"
	if last := text[:end]; bytes.HasSuffix(last[:bytes.LastIndexByte(last, '\n')+1], []byte("\r\n")) {
		ending = "\r\n"
	}
	offset := 0
	for range e.Column - 1 {
		if offset >= len(line) {
			return spot{}, ErrNotThere
		}
		_, size := utf8.DecodeRune(line[offset:])
		offset += size
	}
	if !bytes.HasPrefix(line[offset:], []byte(e.Old)) {
		return spot{}, ErrNotThere
	}
	return spot{at + offset, at + offset + len(e.Old), strings.ReplaceAll(e.New, "\n", ending)}, nil
}
