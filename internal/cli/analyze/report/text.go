package report

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/config"
)

// clean makes text of a configuration safe in any format: no control characters, valid UTF-8, one line.
func clean(s string) string { return printer.Escape(s) }

// inFile reports whether a position is in a file that other programs can open.
func inFile(at config.Position) bool { return at.File != "" && at.File != factory.StandardInput }

// width is how many characters from its position on a finding is about; 1 where that is not known.
func width(f Finding) int {
	line := []rune(f.Line())
	if from := f.Position.Column - 1; from >= 0 && from < len(line) {
		return token(line, from)
	}
	return 1
}

// pascal joins words to a name as SARIF wants one: "Referenced object not found" becomes ReferencedObjectNotFound.
func pascal(title string) string {
	var b strings.Builder
	for _, word := range strings.FieldsFunc(title, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		first, size := utf8.DecodeRuneInString(word)
		b.WriteRune(unicode.ToUpper(first))
		b.WriteString(word[size:])
	}
	return b.String()
}
