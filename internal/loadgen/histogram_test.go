package loadgen

import (
	"testing"
	"time"
)

func TestBucketsCoverEveryDuration(t *testing.T) {
	previous := -1
	for i := range buckets {
		if got := bucket(upper(i)); got != i {
			t.Fatalf("the end %v of bucket %d is in bucket %d", upper(i), i, got)
		}
		if got := bucket(upper(i) + 1); got != min(i+1, buckets-1) {
			t.Fatalf("after the end of bucket %d comes bucket %d", i, got)
		}
		if i <= previous {
			t.Fatal("not ascending")
		}
		previous = i
	}
	for d := time.Microsecond; d < 200*time.Second; d += d/7 + 1 {
		end := upper(bucket(d))
		if end < d || float64(end-d) > float64(d)/sub+float64(time.Microsecond) {
			t.Fatalf("%v counts as up to %v", d, end)
		}
	}
	if bucket(time.Hour) != buckets-1 {
		t.Error("an hour is not in the last bucket")
	}
}

func TestQuantiles(t *testing.T) {
	var h Histogram
	if h.Quantile(0.5) != 0 || h.Mean() != 0 || h.Max() != 0 || h.Count() != 0 {
		t.Error("an empty histogram is not zero")
	}
	for ms := 1; ms <= 1000; ms++ {
		h.add(time.Duration(ms) * time.Millisecond)
	}
	h.add(-time.Second) // a clock that went back counts as nothing
	for q, want := range map[float64]time.Duration{
		0: 0, 0.5: 500 * time.Millisecond, 0.99: 990 * time.Millisecond, 1: time.Second, 2: time.Second,
	} {
		if got := h.Quantile(q); got < want || got > want+want/sub+time.Microsecond {
			t.Errorf("quantile %v: %v, want %v", q, got, want)
		}
	}
	if h.Max() != time.Second || h.Count() != 1001 || h.Mean() != 500_500*time.Millisecond/1001 {
		t.Errorf("max %v, count %d, mean %v", h.Max(), h.Count(), h.Mean())
	}
	if got := h.String(); got != "1001 (p50 507.904ms, p99 999.424ms, max 1s)" {
		t.Errorf("String: %s", got)
	}
}

func TestSince(t *testing.T) {
	s := Stats{Statuses: map[int]uint64{}}
	s.add(Result{Status: 200, Latency: time.Second})
	before := s.clone()
	s.add(Result{Status: 200, Latency: time.Millisecond})
	s.add(Result{Status: 503, Latency: time.Millisecond, URL: "http://h/"})
	got := s.Since(before)
	if got.OK != 1 || got.Errors != 1 || len(got.Statuses) != 2 || got.Statuses[503] != 1 {
		t.Errorf("%+v", got)
	}
	if got.LastError != "http://h/: 503 Service Unavailable" {
		t.Errorf("last error %q", got.LastError)
	}
	if q := got.Latency.Quantile(1); q < time.Millisecond || q > 2*time.Millisecond || got.Latency.Count() != 2 {
		t.Errorf("latency up to %v of %d results", q, got.Latency.Count())
	}
	if before.OK != 1 || before.Statuses[200] != 1 {
		t.Errorf("the earlier moment changed: %+v", before)
	}
}
