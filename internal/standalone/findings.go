package standalone

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/meshctl/meshctl/internal/adminapi"
)

// lookEvery is how often WatchFindings asks.
const lookEvery = time.Second

// WatchFindings tells what is wrong with the configuration and what has no effect, with file and line, and what of it is solved:
// now, and whenever it changes, until ctx ends. While the control plane is away nothing changes.
func WatchFindings(ctx context.Context, client *adminapi.Client, say func(format string, args ...any)) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	var before []string
	var started time.Time
	for {
		status, err := client.Status(ctx)
		if err == nil && !status.Started.Equal(started) {
			// One that has just started may not have read its configuration.
			_, _ = client.WaitSync(ctx, lookEvery)
			started = status.Started
			status, err = client.Status(ctx)
		}
		if err == nil {
			now := Findings(status.Problems, status.NotEnforced)
			for _, line := range now {
				if !slices.Contains(before, line) {
					say("%s", line)
				}
			}
			for _, line := range before {
				if !slices.Contains(now, line) {
					say("solved: %s", line)
				}
			}
			before = now
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Findings are the lines that tell of them.
func Findings(problems []adminapi.Problem, notEnforced []adminapi.Origin) []string {
	var out []string
	for _, p := range problems {
		out = append(out, p.Severity+": "+describe(p))
	}
	for _, o := range notEnforced {
		out = append(out, fmt.Sprintf("not enforced: %s%s %s: this version reads it but does not act on it", at(o), o.Kind, qualified(o)))
	}
	return out
}

// describe says it as the control plane's log does (see config.Problem).
func describe(p adminapi.Problem) string {
	line := at(p.Origin)
	if p.Name != "" {
		line += p.Kind + " " + qualified(p.Origin) + ": "
	}
	if p.Field != "" {
		line += p.Field + ": "
	}
	line += p.Message
	if p.Fix != "" {
		line += " (fix: " + p.Fix + ")"
	}
	if p.Code != "" {
		line += " [" + p.Code + "]"
	}
	return line
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
