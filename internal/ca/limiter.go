package ca

import (
	"sync"
	"time"
)

// Limits of signing per identity. A service account may have thousands of workloads that all start at once, so the
// burst is large; the rate is what one stuck in a loop gets of the processor (a signature takes about 0.1 ms).
const (
	signRate  = 100.0 // a second
	signBurst = 5000.0
)

// limiter is a token bucket per identity.
type limiter struct {
	rate, burst float64
	now         func() time.Time

	mu      sync.Mutex
	buckets map[Identity]bucket
	swept   time.Time
}

type bucket struct {
	left float64
	at   time.Time
}

func newLimiter(rate, burst float64, now func() time.Time) *limiter {
	return &limiter{rate: rate, burst: burst, now: now, buckets: map[Identity]bucket{}, swept: now()}
}

// allow takes one unit of the identity's bucket, if there is one.
func (l *limiter) allow(id Identity) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	l.sweep(now)
	b, ok := l.buckets[id]
	if !ok {
		b = bucket{left: l.burst, at: now}
	}
	b.left = min(l.burst, b.left+now.Sub(b.at).Seconds()*l.rate)
	b.at = now
	allowed := b.left >= 1
	if allowed {
		b.left--
	}
	l.buckets[id] = b
	return allowed
}

// sweep forgets the buckets that are full again, once in the time that takes.
func (l *limiter) sweep(now time.Time) {
	full := time.Duration(l.burst / l.rate * float64(time.Second))
	if now.Sub(l.swept) < full {
		return
	}
	l.swept = now
	for id, b := range l.buckets {
		if now.Sub(b.at) >= full {
			delete(l.buckets, id)
		}
	}
}
