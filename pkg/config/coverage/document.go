package coverage

import (
	"fmt"
	"strings"
)

// Document renders the table as Markdown, one section for each file.
func Document(all []Line) string {
	var b strings.Builder
	count := map[Status]int{}
	for _, l := range all {
		if l.Value == "" {
			count[l.Status]++
		}
	}
	fmt.Fprintf(&b, `# What becomes of every field of Istio's API

Generated from pkg/config/coverage/*.txt by `+"`make golden`"+`; a test fails when a field of the API is missing here, when a named
test does not exist, or when this file is older than the table.

%d fields: %d translated (with a test in which a live Envoy shows it), %d rejected (whoever sets one is told so, with the
code), %d not applicable.
`, count[Translated]+count[Rejected]+count[NotApplicable], count[Translated], count[Rejected], count[NotApplicable])
	file, message := "", ""
	for _, l := range all {
		if l.File != file {
			file, message = l.File, ""
			fmt.Fprintf(&b, "\n## %s\n", file)
		}
		if l.Message != message {
			message = l.Message
			fmt.Fprintf(&b, "\n### %s\n\n| field | | |\n|---|---|---|\n", strings.TrimPrefix(message, "istio."))
		}
		field := l.Field
		if l.Value != "" {
			field += ": " + l.Value
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", field, l.Status, cell(l))
	}
	return b.String()
}

func cell(l Line) string {
	switch l.Status {
	case Translated:
		tests := make([]string, len(l.Tests))
		for i, t := range l.Tests {
			tests[i] = "`" + t + "`"
		}
		return strings.Join(tests, ", ")
	case Rejected:
		text := l.Code + ": " + l.Reason
		if l.Fix != "" {
			text += "; " + l.Fix
		}
		return strings.ReplaceAll(text, "|", `\|`)
	default:
		return strings.ReplaceAll(l.Reason, "|", `\|`)
	}
}
