package draw

import (
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
	"github.com/rivo/uniseg"

	"github.com/meshctl/meshctl/internal/printer"
)

const (
	// longest is how many bytes of a name are looked at: no picture shows more.
	longest = 512
	// mostMarks bounds the runes of one character: a letter may have some combining marks, not a tower of them.
	mostMarks = 4
)

// clusters divides a text into what takes a cell or two. Control characters become visible escapes; of what terminals disagree about how wide
// it is, a question mark is shown.
func clusters(s string, ascii bool) []string {
	if len(s) > longest {
		s = strings.ToValidUTF8(s[:longest], "")
	}
	s = printer.Escape(s)
	var out []string
	for state := -1; s != ""; {
		var c string
		c, s, _, state = uniseg.FirstGraphemeClusterInString(s, state)
		if ascii && len(c) > 1 || !agreed(c) {
			c = "?"
		}
		out = append(out, c)
	}
	return out
}

// agreed reports whether all ways to measure a character, by clusters and by runes, give the same width.
func agreed(c string) bool {
	if len(c) == 1 {
		return c[0] >= ' ' && c[0] < 0x7f
	}
	if utf8.RuneCountInString(c) > mostMarks {
		return false
	}
	w := ansi.StringWidth(c)
	return (w == 1 || w == 2) && ansi.StringWidthWc(c) == w && printer.Width(c) == w
}

func widthOf(cluster string) int {
	if len(cluster) <= 1 {
		return 1
	}
	return ansi.StringWidth(cluster)
}

// width is the number of cells that a text takes on the canvas.
func width(s string) (n int) {
	for _, c := range clusters(s, false) {
		n += widthOf(c)
	}
	return n
}

// Shorten cuts a text to a number of cells, so that it is safe to show: what was cut ends in an ellipsis.
func Shorten(s string, cells int) string {
	return strings.Join(unicodeGlyphs.fit(s, cells), "")
}

// fit shortens a text to a number of cells.
func (g *glyphs) fit(s string, cells int) []string {
	all := clusters(s, g.ascii)
	total := 0
	for _, c := range all {
		total += widthOf(c)
	}
	if total <= cells {
		return all
	}
	var out []string
	used := 0
	for _, c := range all {
		if used+widthOf(c) > cells-1 {
			break
		}
		out = append(out, c)
		used += widthOf(c)
	}
	if cells > 0 {
		out = append(out, g.more)
	}
	return out
}
