package controlplane

import (
	"fmt"
	"sync"

	"github.com/meshctl/meshctl/pkg/config"
)

// Problems is everything wrong with the configuration now: what the sources could not read, what the mesh could not resolve and what
// could not be translated, each with its position as far as it is known.
func (c *ControlPlane) problems() []config.Problem {
	s := c.snapshot.Load()
	var out []config.Problem
	seen := map[config.Problem]bool{}
	for _, list := range [][]config.Problem{*c.sources.Load(), s.Problems(), c.catalog.Problems()} {
		for _, p := range list {
			if o := s.Set().Get(p.Object); o != nil && p.Position == (config.Position{}) {
				p.Position = o.FieldPosition(p.Field)
			}
			if !seen[p] {
				seen[p] = true
				out = append(out, p)
			}
		}
	}
	return out
}

// reporter remembers what the log has been told already.
type reporter struct {
	mu          sync.Mutex
	problems    map[config.Problem]bool
	notEnforced map[config.Key]bool
}

// report logs what has become wrong, and what has become right, since the last time.
func (c *ControlPlane) report() {
	r := &c.reported
	r.mu.Lock()
	defer r.mu.Unlock()
	now := map[config.Problem]bool{}
	for _, p := range c.problems() {
		if now[p] = true; !r.problems[p] {
			c.log.Warn("configuration problem", "severity", p.Severity.String(), "problem", p.Error())
		}
	}
	for p := range r.problems {
		if !now[p] {
			c.log.Info("configuration problem solved", "problem", p.Error())
		}
	}
	r.problems = now
	idle := map[config.Key]bool{}
	for _, o := range c.snapshot.Load().NotEnforced() {
		if idle[o.Key] = true; !r.notEnforced[o.Key] {
			c.log.Warn("not enforced: this version reads the object but does not act on it", "object", o.Key.String(), "at", o.Position().String())
		}
	}
	r.notEnforced = idle
}

func plural(n int, kind string) string {
	if n == 1 {
		return "1 " + kind + " is"
	}
	return fmt.Sprintf("%d %s objects are", n, kind)
}
