package traffic_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/meshctl/meshctl/internal/agent/admin"
	"github.com/meshctl/meshctl/internal/agent/traffic"
	"github.com/meshctl/meshctl/internal/agentapi"
	"github.com/meshctl/meshctl/pkg/traffic/sample"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const name = "outbound|80||b.default.svc.cluster.local"

// envoy is a fake one behind an HTTP client.
type envoy struct {
	mu      sync.Mutex
	pid     int
	asked   []string
	takes   time.Duration
	status  int
	garbage string
}

func (e *envoy) RoundTrip(r *http.Request) (*http.Response, error) {
	e.mu.Lock()
	path, takes, status, body := r.URL.RequestURI(), e.takes, e.status, e.garbage
	e.asked = append(e.asked, path)
	e.mu.Unlock()
	select {
	case <-r.Context().Done():
		return nil, r.Context().Err()
	case <-time.After(takes):
	}
	switch {
	case body != "":
	case strings.HasPrefix(path, "/clusters"):
		body = name + "::10.0.0.1:80::rq_total::7\n"
	default:
		body = "cluster." + name + ".upstream_rq_retry: 3\n"
		if path == sample.StatsPath {
			body += "cluster." + name + ".upstream_rq_time:\n  totals=5,1:7\n"
		}
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Body: io.NopCloser(strings.NewReader(body))}, nil
}

func (e *envoy) set(change func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	change()
}

// paths returns what was asked for since the last call.
func (e *envoy) paths() (out []string) {
	e.set(func() { out, e.asked = e.asked, nil })
	return out
}

// run starts a Sampler, which ends with the test.
func run(t *testing.T) (*traffic.Sampler, *envoy) {
	t.Helper()
	e := &envoy{pid: 7, status: http.StatusOK}
	s := traffic.New(traffic.Options{Instance: "agent", Envoy: func() (int, admin.Client) {
		e.mu.Lock()
		defer e.mu.Unlock()
		return e.pid, admin.Client{Address: "envoy", HTTP: &http.Client{Transport: e}}
	}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return s, e
}

func read(t *testing.T, m *agentapi.Sampled) sample.Sample {
	t.Helper()
	var s sample.Sample
	if err := json.Unmarshal(m.GetSampleJson(), &s); err != nil || m.GetProblem() != "" {
		t.Fatalf("%v, %q", err, m.GetProblem())
	}
	return s
}

func ask(s *traffic.Sampler, id uint64) *agentapi.Sampled {
	s.Ask(&agentapi.Sample{Id: id})
	return <-s.Answers()
}

// TestAnswers: distributions are read every few seconds only and are part of every answer, until there is another Envoy.
func TestAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, e := run(t)
		time.Sleep(time.Hour)
		if got := e.paths(); len(got) != 0 {
			t.Errorf("Envoy was asked for %q, and nobody looks", got)
		}
		for i, step := range []struct {
			path, epoch string
			before      func()
		}{
			{sample.StatsPath, "agent/7", func() {}},
			{sample.CountersPath, "agent/7", func() { time.Sleep(time.Second) }},
			{sample.CountersPath, "agent/7", func() { time.Sleep(time.Second) }},
			{sample.CountersPath, "agent/7", func() { time.Sleep(time.Second) }},
			{sample.StatsPath, "agent/7", func() { time.Sleep(time.Second) }},
			{sample.StatsPath, "agent/8", func() { e.set(func() { e.pid = 8 }) }},
		} {
			step.before()
			m := ask(s, uint64(i+1))
			got := read(t, m)
			if m.GetId() != uint64(i+1) || got.Epoch != step.epoch || !got.Time.Equal(time.Now()) || len(got.Hosts) != 1 || got.Hosts[0].Requests != 7 {
				t.Errorf("answer %d: %d, %+v", i, m.GetId(), got)
			}
			if len(got.Clusters) != 1 || got.Clusters[0].Retries != 3 || len(got.Clusters[0].Latency) != 1 {
				t.Errorf("answer %d: %+v", i, got.Clusters)
			}
			if paths := e.paths(); len(paths) != 2 || paths[1] != step.path {
				t.Errorf("answer %d: asked for %q, want %s", i, paths, step.path)
			}
		}
	})
}

// TestProblems: an Envoy that is not there, does not answer or says nonsense makes an answer all the same.
func TestProblems(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, e := run(t)
		for want, change := range map[string]func(){
			"its Envoy is not running":                              func() { e.pid = 0 },
			"admin interface of Envoy: Service Unavailable":         func() { e.status = http.StatusServiceUnavailable },
			"admin interface of Envoy: Get \"http://envoy/clusters": func() { e.takes = time.Hour },
		} {
			e.set(change)
			if m := ask(s, 1); !strings.HasPrefix(m.GetProblem(), want) || len(m.GetSampleJson()) != 0 {
				t.Errorf("%q, want %q", m.GetProblem(), want)
			}
			e.set(func() { e.pid, e.status, e.takes = 7, http.StatusOK, 0 })
		}
		e.set(func() { e.garbage = "::::\x00::\n:\n  totals=\n" })
		if got := read(t, ask(s, 2)); len(got.Hosts)+len(got.Clusters)+len(got.Inbound) != 0 {
			t.Errorf("%+v", got)
		}
	})
}

// TestTheLastQuestionCounts: questions that come while Envoy is slow are one, and an answer that nobody takes makes way for the next.
func TestTheLastQuestionCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, e := run(t)
		e.set(func() { e.takes = time.Second })
		s.Ask(&agentapi.Sample{Id: 1})
		synctest.Wait() // Envoy is asked
		for id := range uint64(10) {
			s.Ask(&agentapi.Sample{Id: 2 + id})
		}
		if first, second := <-s.Answers(), <-s.Answers(); first.GetId() != 1 || second.GetId() != 11 {
			t.Errorf("answers to %d and %d", first.GetId(), second.GetId())
		}
		if n := len(e.paths()); n != 4 {
			t.Errorf("Envoy was asked %d times", n)
		}
		s.Ask(&agentapi.Sample{Id: 12})
		time.Sleep(time.Minute) // the stream has ended
		s.Ask(&agentapi.Sample{Id: 13})
		synctest.Wait()
		if m := <-s.Answers(); m.GetId() != 13 || !read(t, m).Time.After(time.Now().Add(-2*time.Second)) {
			t.Errorf("an answer to %d", m.GetId())
		}
	})
}

// TestEnds: whatever it does, it ends with its context; run waits for that.
func TestEnds(t *testing.T) {
	for what, before := range map[string]func(s *traffic.Sampler, e *envoy){
		"waiting for a question":     func(*traffic.Sampler, *envoy) {},
		"asking Envoy":               func(s *traffic.Sampler, e *envoy) { e.takes = time.Hour; s.Ask(&agentapi.Sample{Id: 1}) },
		"waiting for who wants that": func(s *traffic.Sampler, _ *envoy) { s.Ask(&agentapi.Sample{Id: 1}) },
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, e := run(t)
				before(s, e)
				synctest.Wait()
			})
		})
	}
}
