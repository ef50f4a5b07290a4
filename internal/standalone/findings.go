package standalone

import (
	"context"
	"fmt"

	"github.com/meshctl/meshctl/internal/adminapi"
)

// SayFindings tells what is wrong with the configuration and what has no effect, with file and line.
func SayFindings(ctx context.Context, client *adminapi.Client, say func(format string, args ...any)) {
	status, err := client.Status(ctx)
	if err != nil {
		return // the one who asks for it next will hear
	}
	for _, line := range Findings(status.Problems, status.NotEnforced) {
		say("%s", line)
	}
}

// Findings are the lines of SayFindings.
func Findings(problems []adminapi.Problem, notEnforced []adminapi.Origin) []string {
	var out []string
	for _, p := range problems {
		line := fmt.Sprintf("%s: %s%s", p.Severity, at(p.Origin), p.Message)
		if p.Fix != "" {
			line += " (" + p.Fix + ")"
		}
		out = append(out, line)
	}
	for _, o := range notEnforced {
		out = append(out, fmt.Sprintf("not enforced: %s%s %s: this version reads it but does not act on it", at(o), o.Kind, qualified(o)))
	}
	return out
}

func at(o adminapi.Origin) string {
	if o.File == "" {
		return ""
	}
	return fmt.Sprintf("%s:%d:%d: ", o.File, o.Line, o.Column)
}

func qualified(o adminapi.Origin) string {
	if o.Namespace == "" {
		return o.Name
	}
	return o.Namespace + "/" + o.Name
}
