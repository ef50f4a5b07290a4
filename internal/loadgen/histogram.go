package loadgen

import (
	"fmt"
	"math"
	"math/bits"
	"time"
)

// A histogram counts microseconds in buckets that are exact below 64 µs and at most 1/32 of their value wide above,
// up to 268 s; longer ones count there.
const (
	subBits = 5
	sub     = 1 << subBits
	maxBits = 28
	buckets = (maxBits - subBits + 1) * sub
)

// Histogram is a distribution of durations with an error of at most 3.2 %. The zero value is empty; copies are
// independent.
type Histogram struct {
	counts [buckets]uint64
	total  uint64
	sum    time.Duration
	max    time.Duration
}

func (h *Histogram) add(d time.Duration) {
	d = max(d, 0)
	h.counts[bucket(d)]++
	h.total++
	h.sum += d
	h.max = max(h.max, d)
}

// Count returns the number of durations.
func (h Histogram) Count() uint64 { return h.total }

// Max returns the longest duration, exactly; 0 when empty.
func (h Histogram) Max() time.Duration { return h.max }

// Mean returns the exact mean; 0 when empty.
func (h Histogram) Mean() time.Duration {
	if h.total == 0 {
		return 0
	}
	return h.sum / time.Duration(h.total)
}

// Quantile returns a duration that the fraction q (0 to 1) of all durations does not exceed, rounded up to its
// bucket; 0 when empty.
func (h Histogram) Quantile(q float64) time.Duration {
	rank := uint64(math.Ceil(min(max(q, 0), 1) * float64(h.total)))
	rank = max(rank, 1)
	var seen uint64
	for i, n := range h.counts {
		if seen += n; seen >= rank {
			return min(upper(i), h.max)
		}
	}
	return h.max
}

// String returns the count, median, 99th percentile and maximum in one line.
func (h Histogram) String() string {
	return fmt.Sprintf("%d (p50 %v, p99 %v, max %v)", h.total,
		h.Quantile(0.5).Round(time.Microsecond), h.Quantile(0.99).Round(time.Microsecond), h.max.Round(time.Microsecond))
}

// since returns the durations that came after before. The longest of those is known only to its bucket.
func (h Histogram) since(before Histogram) Histogram {
	out := Histogram{total: h.total - before.total, sum: h.sum - before.sum}
	for i := range h.counts {
		if out.counts[i] = h.counts[i] - before.counts[i]; out.counts[i] > 0 {
			out.max = min(upper(i), h.max)
		}
	}
	return out
}

func bucket(d time.Duration) int {
	us := min(uint64(d.Microseconds()), 1<<maxBits-1)
	if us < sub {
		return int(us)
	}
	shift := bits.Len64(us) - subBits - 1
	return (shift+1)*sub + int(us>>shift) - sub
}

// upper returns the end of a bucket. Durations are cut to whole microseconds, so a bucket reaches up to the next one.
func upper(bucket int) time.Duration {
	shift, end := 0, bucket+1
	if bucket >= sub {
		shift = bucket/sub - 1
		end = bucket%sub + sub + 1
	}
	return time.Duration(end<<shift)*time.Microsecond - 1
}
