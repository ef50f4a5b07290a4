package report

import (
	"fmt"
	"strings"

	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

// github writes workflow commands that annotate files. See
// https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands.
func (w Writer) github(r *Report) error {
	var b strings.Builder
	text := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	for _, f := range r.Findings {
		if f.Change == Fixed {
			continue
		}
		properties := []string{}
		set := func(name string, value string) {
			properties = append(properties, name+"="+property.Replace(clean(value)))
		}
		if inFile(f.Position) {
			set("file", f.Position.File)
			if f.Position.Line > 0 {
				set("line", fmt.Sprint(f.Position.Line))
				set("col", fmt.Sprint(f.Position.Column))
				set("endColumn", fmt.Sprint(f.Position.Column+width(f)))
			}
		}
		set("title", strings.TrimSpace(string(f.Code)+" "+objectName(f.Object)))
		message := sentence(f.Field, f.Message)
		if f.Fix != "" {
			message += "\nfix: " + f.Fix
		}
		fmt.Fprintf(&b, "::%s %s::%s\n", githubLevel(f.Level), strings.Join(properties, ","), text.Replace(printer.EscapeLines(message)))
	}
	_, err := w.Out.Write([]byte(b.String()))
	return err
}

func githubLevel(level codes.Level) string {
	if level == codes.Info {
		return "notice"
	}
	return level.String()
}
