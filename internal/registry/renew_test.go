package registry

import (
	"fmt"
	"testing"
	"time"

	"github.com/meshctl/meshctl/internal/agentapi"
)

// TestRenewalsAreSpread: agents are asked one after the other, and none later than in ten seconds however many there are.
func TestRenewalsAreSpread(t *testing.T) {
	for _, n := range []int{1, 100, 3000} {
		clock := newClock()
		r := New(Options{Emitter: newRecorder(), Clock: clock, Stale: func(*agentapi.Certificate) bool { return true }})
		for i := range n {
			r.workloads[key{"default", fmt.Sprint(i)}] = &workload{cert: &agentapi.Certificate{}, session: &session{notify: make(chan struct{}, 1)}}
		}
		asked := func() (n int) {
			r.mu.Lock()
			defer r.mu.Unlock()
			for _, w := range r.workloads {
				if w.session.outbox.rotate {
					n++
				}
			}
			return n
		}
		r.RenewStale()
		r.RenewStale() // asks nobody twice
		if got := asked(); got != 1 {
			t.Errorf("%d of %d are asked at once", got, n)
		}
		all := min(time.Duration(n)*10*time.Millisecond, 10*time.Second)
		clock.add(all / 2)
		if got := asked(); n > 1 && (got < n/3 || got > n*2/3) {
			t.Errorf("%d of %d are asked in the first half of %s", got, n, all)
		}
		clock.add(all / 2)
		if got := asked(); got != n {
			t.Errorf("%d of %d are asked in %s", got, n, all)
		}
	}
}
