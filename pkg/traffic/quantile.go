package traffic

import (
	"slices"

	"github.com/meshctl/meshctl/pkg/traffic/sample"
)

// quantile interpolates within the bucket that holds it, as Prometheus' histogram_quantile does: it is off by at most the width of that bucket.
// ok is false without any value. What lies above the last finite bound is said to be that bound.
func quantile(q float64, buckets []sample.Bucket) (v float64, ok bool) {
	if len(buckets) == 0 || buckets[len(buckets)-1].Count == 0 {
		return 0, false
	}
	rank := q * float64(buckets[len(buckets)-1].Count)
	var low float64
	var below uint64
	for _, b := range buckets {
		if float64(b.Count) >= rank && b.Count > below {
			return low + (b.Bound-low)*(rank-float64(below))/float64(b.Count-below), true
		}
		low, below = b.Bound, b.Count
	}
	return low, true
}

// since is what was added to a histogram between two samples of the same bounds; nil when they differ or it shrank.
func since(before, after []sample.Bucket) []sample.Bucket {
	if len(before) == 0 {
		return after
	}
	if len(before) != len(after) {
		return nil
	}
	out := make([]sample.Bucket, len(after))
	for i, b := range after {
		if before[i].Bound != b.Bound || before[i].Count > b.Count {
			return nil
		}
		out[i] = sample.Bucket{Bound: b.Bound, Count: b.Count - before[i].Count}
	}
	return out
}

// add puts two histograms of the same bounds together; of different ones the fuller stays.
func add(a, b []sample.Bucket) []sample.Bucket {
	switch {
	case len(a) == 0:
		return slices.Clone(b)
	case len(b) == 0:
		return a
	case !slices.EqualFunc(a, b, func(x, y sample.Bucket) bool { return x.Bound == y.Bound }):
		if a[len(a)-1].Count >= b[len(b)-1].Count {
			return a
		}
		return slices.Clone(b)
	}
	for i := range a {
		a[i].Count += b[i].Count
	}
	return a
}
