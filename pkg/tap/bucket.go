package tap

import "time"

// Bucket lets through so many a second, and as many at once after a pause. It is for one goroutine at a time.
type Bucket struct {
	rate, left float64
	last       time.Time
}

// NewBucket returns a full one.
func NewBucket(rate int) Bucket { return Bucket{rate: float64(rate), left: float64(rate)} }

// Take reports whether one more may pass now.
func (b *Bucket) Take(now time.Time) bool {
	if !b.last.IsZero() {
		b.left = min(b.rate, b.left+b.rate*max(0, now.Sub(b.last).Seconds()))
	}
	b.last = now
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}
