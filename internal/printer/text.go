package printer

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
)

// Width is the number of terminal cells that s takes: East Asian wide characters and emoji take two, combining marks
// none. It does not depend on the locale, so that the same input gives the same table everywhere.
func Width(s string) int {
	c := runewidth.Condition{StrictEmojiNeutral: true}
	return c.StringWidth(s)
}

// Truncate cuts s to a number of terminal cells; what was cut ends in an ellipsis.
func Truncate(s string, cells int) string {
	c := runewidth.Condition{StrictEmojiNeutral: true}
	return c.Truncate(s, cells, "…")
}

// Escape makes s safe to show on a terminal: control characters, invisible formatting characters (among them those
// that reverse the direction of text) and invalid UTF-8 become visible escapes as Go writes them.
func Escape(s string) string {
	if strings.IndexFunc(s, unsafeRune) < 0 && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case unsafeRune(r) && r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		case unsafeRune(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	return b.String()
}

// EscapeLines is Escape for text of several lines: line ends stay.
func EscapeLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = Escape(l)
	}
	return strings.Join(lines, "\n")
}

// The zero-width joiner holds emoji together and the variation selectors are marks, so neither is unsafe.
func unsafeRune(r rune) bool {
	const zeroWidthJoiner = 0x200d
	return unicode.Is(unicode.Cc, r) || (unicode.Is(unicode.Cf, r) && r != zeroWidthJoiner) ||
		unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r)
}

// Paint wraps s in the colour of the level.
func Paint(l Level, s string) string {
	switch l {
	case Good:
		return "\x1b[32m" + s + "\x1b[0m"
	case Warn:
		return "\x1b[33m" + s + "\x1b[0m"
	case Bad:
		return "\x1b[31m" + s + "\x1b[0m"
	case Dim:
		return "\x1b[2m" + s + "\x1b[0m"
	default:
		return s
	}
}
