package loadgen

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server answers in memory, after a delay on the clock of the synctest bubble.
type server struct {
	delay  time.Duration
	status func(r *http.Request) int // 0 refuses the connection

	mu   sync.Mutex
	sent []time.Time
	urls []string
}

func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.sent = append(s.sent, time.Now())
	s.urls = append(s.urls, r.URL.String())
	s.mu.Unlock()
	select {
	case <-time.After(s.delay):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	status := s.status(r)
	if status == 0 {
		return nil, errors.New("connection refused")
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader("ok")), Header: http.Header{}}, nil
}

func always(status int) func(*http.Request) int { return func(*http.Request) int { return status } }

// run lets a generator run for a while on the bubble's clock.
func run(t *testing.T, o Options, s *server, duration time.Duration) Stats {
	t.Helper()
	o.Transport = s
	if o.URLs == nil {
		o.URLs = []string{"http://h/"}
	}
	g, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), duration)
	defer cancel()
	if err := g.Run(ctx); err != nil {
		t.Error(err)
	}
	return g.Stats()
}

func TestSteadyRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{delay: 3 * time.Millisecond, status: always(200)}
		start := time.Now()
		got := run(t, Options{RPS: 50, URLs: []string{"http://h/a", "http://h/b"}}, s, 10*time.Second-time.Millisecond)
		if got.OK != 500 || got.Errors != 0 || got.Dropped != 0 || got.InFlight != 0 || got.Statuses[200] != 500 {
			t.Errorf("%+v", got)
		}
		if got.Latency.Max() != s.delay || got.Latency.Mean() != s.delay || got.LastError != "" {
			t.Errorf("latency up to %v, mean %v, last error %q", got.Latency.Max(), got.Latency.Mean(), got.LastError)
		}
		for i, at := range s.sent {
			if want := time.Duration(i) * 20 * time.Millisecond; at.Sub(start) != want {
				t.Fatalf("request %d left after %v, want %v", i, at.Sub(start), want)
			}
			if want := []string{"http://h/a", "http://h/b"}[i%2]; s.urls[i] != want {
				t.Fatalf("request %d went to %s", i, s.urls[i])
			}
		}
	})
}

// TestOpenLoop: a server that takes ten intervals for an answer gets its requests on schedule all the same.
func TestOpenLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{delay: time.Second, status: always(200)}
		got := run(t, Options{RPS: 10}, s, 10*time.Second-time.Millisecond)
		if len(s.sent) != 100 || got.OK != 90 || got.Errors != 0 { // the last ten are under way at the end
			t.Errorf("%d sent: %+v", len(s.sent), got)
		}
	})
}

func TestBoundedConcurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{delay: time.Hour, status: always(200)}
		got := run(t, Options{RPS: 10, Timeout: 995 * time.Millisecond, MaxInFlight: 4}, s, 2*time.Second-time.Millisecond)
		if len(s.sent) != 8 || got.Dropped != 12 || got.Errors != 5 {
			t.Errorf("%d sent: %+v", len(s.sent), got)
		}
		if got.LastError != "http://h/: no answer within 995ms" {
			t.Errorf("last error %q", got.LastError)
		}
	})
}

func TestResults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		statuses := []int{0, 503, 302, 404, 200}
		s := &server{}
		s.status = func(*http.Request) int { return statuses[len(s.sent)-1] }
		var results, firsts []Result
		o := Options{
			RPS:            1,
			OnResult:       func(r Result) { results = append(results, r) },
			OnFirstSuccess: func(r Result) { firsts = append(firsts, r) },
		}
		got := run(t, o, s, 5*time.Second-time.Millisecond)
		if got.OK != 2 || got.Errors != 3 || got.LastError != "http://h/: 404 Not Found" {
			t.Errorf("%+v", got)
		}
		if len(firsts) != 1 || firsts[0].Status != 302 {
			t.Errorf("first success: %+v", firsts)
		}
		if len(results) != 5 || results[0].Err == nil || results[0].OK() || !results[4].OK() {
			t.Errorf("results: %+v", results)
		}
	})
}

func TestOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{status: always(200)}
		if got := run(t, Options{}, s, time.Hour); got.OK != 0 || len(s.sent) != 0 {
			t.Errorf("%d sent: %+v", len(s.sent), got)
		}
	})
}

func TestPace(t *testing.T) {
	start := time.Unix(1000, 0)
	p := pace{next: start, interval: time.Second}
	for i, step := range []struct{ now, wait time.Duration }{
		{0, time.Second},
		{1200 * time.Millisecond, 800 * time.Millisecond},  // late: the next one is on time again
		{2900 * time.Millisecond, 100 * time.Millisecond},  // later
		{4500 * time.Millisecond, -500 * time.Millisecond}, // too late for the next one: send it now
		{time.Hour, 0}, // after a pause: a new schedule, no burst
		{time.Hour, time.Second},
	} {
		if got := p.wait(start.Add(step.now)); got != step.wait {
			t.Errorf("step %d: wait %v, want %v", i, got, step.wait)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for name, o := range map[string]Options{
		"negative": {RPS: -1}, "not a number": {RPS: math.NaN()}, "too fast": {RPS: 1e6}, "no URL": {RPS: 1},
		"relative": {URLs: []string{"/productpage"}}, "scheme": {URLs: []string{"ftp://h/"}}, "broken": {URLs: []string{"http://[::1"}},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestRealServer looks at Stats while requests run, over a real connection.
func TestRealServer(t *testing.T) {
	release := make(chan struct{})
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { <-release }))
	defer backend.Close()
	succeeded := make(chan Result, 1)
	g, err := New(Options{RPS: 200, URLs: []string{backend.URL}, OnFirstSuccess: func(r Result) { succeeded <- r }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	close(release)
	if r := <-succeeded; !r.OK() || r.Latency <= 0 {
		t.Errorf("%+v", r)
	}
	if s := g.Stats(); s.OK == 0 || s.Latency.Count() == 0 {
		t.Errorf("%+v", s)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
