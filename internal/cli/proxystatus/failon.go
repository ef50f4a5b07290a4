package proxystatus

import (
	"strings"
	"time"

	"github.com/meshctl/meshctl/internal/adminapi"
	"github.com/meshctl/meshctl/internal/cli/exitcode"
)

// limits is what --fail-on says. The zero value is never exceeded.
type limits struct {
	rejected bool
	stale    bool
	patience time.Duration // how long a proxy may be stale
}

func parseFailOn(flags []string) (limits, error) {
	var l limits
	for _, s := range flags {
		word, value, _ := strings.Cut(s, "=")
		switch {
		case s == "rejected":
			l.rejected = true
		case word == "stale":
			d, err := time.ParseDuration(value)
			if err != nil || d < 0 {
				return l, exitcode.Usagef("--fail-on %q: write stale=DURATION, e.g. stale=30s", s)
			}
			// A rejection is worse than any delay.
			l.rejected, l.stale, l.patience = true, true, d
		default:
			return l, exitcode.Usagef("--fail-on %q: use rejected or stale=DURATION", s)
		}
	}
	return l, nil
}

func (l limits) exceeded(rows []Row, now time.Time) bool {
	for _, r := range rows {
		if l.rejected && r.State == adminapi.Rejected {
			return true
		}
		if l.stale && !r.Connected && now.Sub(r.ConnectedSince) > l.patience {
			return true
		}
		for _, s := range r.Sync {
			if l.stale && s.State == adminapi.Stale && now.Sub(since(s)) > l.patience {
				return true
			}
		}
	}
	return false
}

// since is when the type became stale: the oldest change that is not acknowledged, or else when it was last sent.
func since(s adminapi.TypeSync) time.Time {
	if !s.PendingSince.IsZero() {
		return s.PendingSince
	}
	return s.LastSent
}
