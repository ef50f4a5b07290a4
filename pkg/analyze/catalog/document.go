package catalog

import (
	"fmt"
	"slices"
	"strings"

	"github.com/meshctl/meshctl/pkg/config/codes"
)

// Document renders the table of codes as Markdown: an overview, then a section for each code.
func Document() string {
	var b strings.Builder
	b.WriteString(`# What analyze finds

Generated from the table of codes (pkg/config/codes) by ` + "`make golden`" + `; a test fails when this file is older. The same text is shown by
` + "`meshctl analyze --explain CODE`" + `. Codes that begin with IST are those of Istio's analyzers for the same finding, so that lists of suppressed
codes carry over.

| code | level | finding |
|---|---|---|
`)
	all := codes.All()
	for _, d := range all {
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s |\n", d.Code, strings.ToLower(string(d.Code)), d.Level, d.Title)
	}
	by := reporters()
	for _, d := range all {
		fmt.Fprintf(&b, "\n## %s\n\n**%s** (%s%s)\n\n%s\n\n*Fix:* %s\n", d.Code, d.Title, d.Level, by[d.Code], d.Explanation, d.Fix)
	}
	return b.String()
}

// reporters names, for each code, the analyzers that report it.
func reporters() map[codes.Code]string {
	out := map[codes.Code]string{}
	for _, a := range All() {
		for _, code := range slices.Compact(slices.Sorted(slices.Values(a.Codes))) {
			if out[code] == "" {
				out[code] = "; by "
			} else {
				out[code] += ", "
			}
			out[code] += "`" + a.Name + "`"
		}
	}
	return out
}
