package report

import (
	"fmt"
	"strings"
	"testing"

	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
)

func sprintln(format string, args ...any) string { return fmt.Sprintf(format, args...) + "\n" }

func TestSnippets(t *testing.T) {
	long := "a: " + strings.Repeat("x", 200) + " # " + strings.Repeat("y", 200)
	for _, c := range []struct {
		name, line string
		column     int
		want       string
	}{
		{"plain", "  host: reviews # not here", 9, "  3 |   host: reviews # not here\n    |         ^^^^^^^\n"},
		{"key", "  host: reviews", 3, "  3 |   host: reviews\n    |   ^^^^\n"},
		{"flow", "[{host: reviews, subset: v2}]", 9, "  3 | [{host: reviews, subset: v2}]\n    |         ^^^^^^^\n"},
		{"quoted", `a: "x \" y", b`, 4, "  3 | a: \"x \\\" y\", b\n    |    ^^^^^^^^\n"},
		{"address", "- 10.0.0.1:80", 3, "  3 | - 10.0.0.1:80\n    |   ^^^^^^^^^^^\n"},
		{"tab", "\t\"a\": 1", 2, "  3 |     \"a\": 1\n    |     ^^^\n"},
		{"wide", "名: 値段", 4, "  3 | 名: 値段\n    |     ^^^^\n"},
		{"control", "a\x1b: b", 5, "  3 | a\\x1b: b\n    |        ^\n"},
		{"past the end", "a: b", 9, ""},
		{"no line", "", 1, ""},
	} {
		var b strings.Builder
		w := Writer{Printer: &printer.Printer{}}
		w.snippet(&b, Finding{Diagnostic: analyze.Diagnostic{Position: config.Position{File: "x", Line: 3, Column: c.column}, Excerpt: c.line}})
		if b.String() != c.want {
			t.Errorf("%s:\n%swant\n%s", c.name, b.String(), c.want)
		}
	}
	var b strings.Builder
	Writer{Printer: &printer.Printer{}}.snippet(&b, Finding{Diagnostic: analyze.Diagnostic{Position: config.Position{Line: 1, Column: 100}, Excerpt: long}})
	for line := range strings.Lines(b.String()) {
		if len(line) > snippetRunes+20 {
			t.Errorf("%d bytes long: %s", len(line), line)
		}
	}
}

func FuzzSnippet(f *testing.F) {
	f.Add("a: 'b", 4)
	f.Fuzz(func(_ *testing.T, line string, column int) {
		var b strings.Builder
		Writer{Printer: &printer.Printer{}}.snippet(&b, Finding{Diagnostic: analyze.Diagnostic{Position: config.Position{Line: 1, Column: column}, Excerpt: line}})
	})
}
