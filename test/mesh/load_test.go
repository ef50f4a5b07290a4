package mesh_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/meshctl/meshctl/internal/loadgen"
)

// load is requests for the page through the gateway, for as long as the test runs.
type load struct {
	t         *testing.T
	generator *loadgen.Generator
	began     time.Time
}

// rps is the rate of load.
const rps = 50

// load begins to send; the test's end stops it.
func (m *mesh) load(t *testing.T) *load {
	t.Helper()
	g, err := loadgen.New(loadgen.Options{URLs: []string{m.url + "/productpage", m.url + "/api/v1/products/0/ratings"}, RPS: rps, Timeout: 15 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() { _ = g.Run(ctx) })
	l := &load{t: t, generator: g, began: time.Now()}
	t.Cleanup(func() { cancel(); done.Wait() })
	eventually(t, "the load is answered", func() error {
		if g.Stats().OK < 10 {
			return errNotYet
		}
		return nil
	})
	return l
}

// unharmed fails the test if a request failed since before, and returns where things stand.
func (l *load) unharmed(what string, before loadgen.Stats) loadgen.Stats {
	l.t.Helper()
	now := l.generator.Stats()
	since := now.Since(before)
	if since.Errors+since.Dropped > 0 || since.OK == 0 {
		l.t.Errorf("%s: %d requests ok, %d failed, %d dropped: %v %s", what, since.OK, since.Errors, since.Dropped, since.Statuses, since.LastError)
	} else {
		l.t.Logf("%s: %d requests, none failed, p99 %s", what, since.OK, since.Latency.Quantile(0.99).Round(time.Millisecond))
	}
	return now
}

// more waits until so many more requests have been answered.
func (l *load) more(n uint64) {
	l.t.Helper()
	before := l.generator.Stats()
	eventually(l.t, "the load goes on", func() error {
		if since := l.generator.Stats().Since(before); since.OK+since.Errors < n {
			return errNotYet
		}
		return nil
	})
}
