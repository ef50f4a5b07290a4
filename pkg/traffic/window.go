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
	// jump is by how much the clock of a proxy's machine must be off from one sample to the next to have been set. It is more than the time that
	// a sample can be on its way.
	jump = 10 * time.Second
	// gap is the least time between two samples that are kept; older ones lie further apart, by a part of their age.
	gap  = 500 * time.Millisecond
	part = 8
)

// Window keeps samples for windows of up to Longest. Of each proxy it keeps at most 60 samples or so: they are the further apart the older they
// are, so that a window begins at most an eighth of its length early, and rates are of the time that really lies between two samples. For a proxy
// with ten destinations that is a quarter of a megabyte. The zero Window is empty. Its methods must not be called at once.
type Window struct {
	proxies     map[string]*series
	last        Report
	first, seen time.Time // when the first and the last report were heard
}

// series are the samples of one proxy, with counters that only ever rise: what a restart took away is added again.
type series struct {
	raw    sample.Sample   // the newest as the proxy said it
	points []sample.Sample // oldest first
	heard  time.Time       // by the viewer's clock
	said   time.Time       // Report.Time then
	proxy  Proxy
	// plaintext: some client of the proxy came without TLS, by the two newest samples: a single one may have caught a connection that one
	// counter has and the other has not yet.
	plaintext bool
	// restarts counts how often the proxy began anew.
	restarts int
}

// Add takes up a report that was heard at a time, by a clock that nobody sets, such as time.Now's monotonic one. Those of the control plane and
// of the proxies' machines may be set, and the viewer's may have stood still while its machine slept: of a time that has passed two of the three
// are believed. Proxies that no report has are forgotten once they are out of every window.
func (w *Window) Add(r Report, heard time.Time) {
	if w.proxies == nil {
		w.proxies = map[string]*series{}
		w.first = heard
	}
	for _, p := range r.Proxies {
		s := w.proxies[p.ID]
		if s == nil {
			s = &series{heard: heard, said: r.Time}
			w.proxies[p.ID] = s
		}
		s.add(p.Sample, heard.Sub(s.heard), r.Time.Sub(s.said))
		s.heard, s.said, s.proxy = heard, r.Time, p
	}
	for id, s := range w.proxies {
		if heard.Sub(s.heard) > Longest {
			delete(w.proxies, id)
		}
	}
	w.last, w.seen = r, heard
}

// add takes up a sample that came some time after the one before, by the viewer's clock and by the control plane's.
func (s *series) add(now sample.Sample, viewer, plane time.Duration) {
	if len(s.points) == 0 {
		s.raw, s.points = now, []sample.Sample{now}
		return
	}
	restarted := now.Epoch != s.raw.Epoch
	passed := now.Time.Sub(s.raw.Time)
	after := middle(viewer, plane, passed)
	if after <= 0 { // all were set back but the viewer's
		after = max(viewer, time.Millisecond)
	}
	switch {
	case !restarted && passed == 0:
		return // the same sample again, shared by several viewers
	case (passed-after).Abs() > jump || restarted && passed <= 0:
		s.shift(passed - after)
	case passed <= 0:
		return // an older one, of another control plane, or a clock that was set back a little and catches up
	}
	if now.Cut && !restarted {
		now = complete(now, s.raw)
	}
	newest := s.points[len(s.points)-1]
	next := advance(s.points[0], newest, s.raw, now)
	s.plaintext = hasPlaintext(s.raw) && hasPlaintext(now)
	if restarted {
		s.restarts++
	}
	s.raw = now
	s.points = thin(append(s.points, next))
}

func middle(a, b, c time.Duration) time.Duration { return max(min(a, b), min(max(a, b), c)) }

// shift moves what is known to the time that the proxy's clock has now been set to.
func (s *series) shift(by time.Duration) {
	for i := range s.points {
		s.points[i].Time = s.points[i].Time.Add(by)
	}
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
