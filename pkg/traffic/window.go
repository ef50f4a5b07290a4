package traffic

import (
	"slices"
	"strings"
	"time"

	"github.com/meshctl/meshctl/pkg/traffic/sample"
)

const (
	// Longest is the longest window of which samples are kept.
	Longest = 30 * time.Minute
	// fresh is how long a proxy may be silent and still be counted on.
	fresh = 5 * time.Second
	// gap is the least time between two samples that are kept; older ones lie further apart, by a part of their age.
	gap  = 500 * time.Millisecond
	part = 8
)

// Window keeps samples for windows of up to Longest. Of each proxy it keeps at most 60 samples or so: they are the further apart the older they
// are, so that a window begins at most an eighth of its length early, and rates are of the time that really lies between two samples. For a proxy
// with ten destinations that is a quarter of a megabyte. The zero Window is empty. Its methods must not be called at once.
type Window struct {
	proxies map[string]*series
	last    Report
	first   time.Time // of the first report
}

// series are the samples of one proxy, with counters that only ever rise: what a restart took away is added again.
type series struct {
	raw    sample.Sample   // the newest as the proxy said it
	points []sample.Sample // oldest first
	heard  time.Time       // by the control plane's clock
	proxy  Proxy
	// plaintext: some client of the proxy came without TLS, by the two newest samples: a single one may have caught a connection that one
	// counter has and the other has not yet.
	plaintext bool
	// restarts counts how often the proxy began anew.
	restarts int
}

// Add takes up a report. Proxies that it does not have are forgotten once they are out of every window.
func (w *Window) Add(r Report) {
	if w.proxies == nil {
		w.proxies = map[string]*series{}
	}
	for _, p := range r.Proxies {
		s := w.proxies[p.ID]
		if s == nil {
			s = &series{}
			w.proxies[p.ID] = s
		}
		s.heard, s.proxy = r.Time, p
		s.add(p.Sample)
	}
	for id, s := range w.proxies {
		if r.Time.Sub(s.heard) > Longest {
			delete(w.proxies, id)
		}
	}
	if w.first.IsZero() {
		w.first = r.Time
	}
	w.last = r
}

func (s *series) add(now sample.Sample) {
	if len(s.points) == 0 {
		s.raw, s.points = now, []sample.Sample{now}
		return
	}
	newest := s.points[len(s.points)-1]
	if !now.Time.After(newest.Time) {
		if now.Epoch == s.raw.Epoch {
			return // the same sample again, shared by several viewers, or a clock that was set back
		}
		now.Time = newest.Time.Add(time.Millisecond)
	}
	next := advance(s.points[0], newest, s.raw, now)
	s.plaintext = hasPlaintext(s.raw) && hasPlaintext(now)
	if now.Epoch != s.raw.Epoch {
		s.restarts++
	}
	s.raw = now
	if now.Cut {
		s.raw = keepMissing(s.raw, newest)
	}
	s.points = thin(append(s.points, next))
}

// hasPlaintext reports whether a proxy has taken connections of HTTP without TLS for its program, whose own are always without.
func hasPlaintext(s sample.Sample) bool {
	return slices.ContainsFunc(s.Inbound, func(i sample.Inbound) bool {
		return !i.TCP && strings.HasPrefix(i.Name, "inbound") && i.Opened > i.Encrypted
	})
}

// thin drops samples that windows do not need.
func thin(points []sample.Sample) []sample.Sample {
	newest := points[len(points)-1].Time
	kept := points[:0]
	for i, p := range points {
		age := newest.Sub(p.Time)
		if age > Longest+Longest/part && i < len(points)-1 {
			continue
		}
		// Needless when its neighbours are close to each other anyway.
		if n := len(kept); n > 0 && i < len(points)-1 && points[i+1].Time.Sub(kept[n-1].Time) <= max(gap, age/part) {
			continue
		}
		kept = append(kept, p)
	}
	clear(points[len(kept):])
	return kept
}

// since returns the first sample of a window; ok is false when there is only one.
func (s *series) since(window time.Duration) (first sample.Sample, ok bool) {
	newest := s.points[len(s.points)-1]
	first = s.points[0]
	for _, p := range s.points {
		if newest.Time.Sub(p.Time) < window {
			break
		}
		first = p
	}
	return first, newest.Time.After(first.Time)
}
