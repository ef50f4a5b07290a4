package loadgen

import "time"

// maxLag is how far behind its schedule a generator catches up. After more (a laptop that slept) it starts a new
// schedule instead of sending everything that it missed at once.
const maxLag = time.Second

// pace is the schedule of a steady rate.
type pace struct {
	next     time.Time // when the latest request was due
	interval time.Duration
}

// wait moves on to the next request and returns how long it is until then; 0 or less means at once.
func (p *pace) wait(now time.Time) time.Duration {
	p.next = p.next.Add(p.interval)
	if now.Sub(p.next) > maxLag {
		p.next = now
	}
	return p.next.Sub(now)
}
