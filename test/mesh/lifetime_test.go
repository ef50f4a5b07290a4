package mesh_test

import (
	"fmt"
	"testing"
	"time"
)

// TestShortLives gives certificates a minute to live: each is replaced several times, and the first ones are long expired, while
// requests go on.
func TestShortLives(t *testing.T) {
	t.Parallel()
	m := startDemo(t, "--certificate-ttl", "1m")
	l := m.load(t)
	stats := l.generator.Stats()
	serials, first := map[string]map[string]bool{}, time.Time{}
	deadline := time.Now().Add(90 * time.Second)
	for time.Now().Before(deadline) && !rotatedOften(serials) {
		for id, p := range m.proxies() {
			if serials[id] == nil {
				serials[id] = map[string]bool{}
			}
			c := p.Certificate
			if c == nil || time.Now().After(c.NotAfter) {
				t.Fatalf("%s has no valid certificate: %+v", id, c)
			}
			if first.IsZero() {
				first = c.NotAfter
			}
			serials[id][c.Serial] = true
		}
		pause(500 * time.Millisecond)
	}
	if !rotatedOften(serials) {
		t.Errorf("certificates: %v", counts(serials))
	}
	l.more(50)
	l.unharmed(fmt.Sprintf("certificates a proxy %v, the first expired %s ago", counts(serials), time.Since(first).Round(time.Second)), stats)
	m.settled()
	m.same()
}

// rotatedOften reports whether every proxy has had three certificates: the first one is expired then.
func rotatedOften(serials map[string]map[string]bool) bool {
	for _, id := range bookinfoProxies {
		if len(serials[id]) < 3 {
			return false
		}
	}
	return true
}

func counts(serials map[string]map[string]bool) map[string]int {
	out := map[string]int{}
	for id, set := range serials {
		out[id] = len(set)
	}
	return out
}
