package trafficfeed_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/meshctl/meshctl/internal/trafficfeed"
	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/pkg/traffic"
	"github.com/meshctl/meshctl/pkg/traffic/sample"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// mesh is a fake one: a proxy that sends ten requests a second.
type mesh struct {
	mu        sync.Mutex
	begin     time.Time
	asked     int
	running   int
	namespace string
	fails     error
	takes     time.Duration
	off       time.Duration // how wrong its clock is
}

func (m *mesh) Traffic(ctx context.Context, namespace string) (traffic.Report, error) {
	m.mu.Lock()
	m.asked++
	m.running++
	m.namespace = namespace
	fails, takes, off, at := m.fails, m.takes, m.off, time.Now()
	if m.running > 1 {
		fails = errors.New("asked twice at once")
	}
	m.mu.Unlock()
	defer m.set(func() { m.running-- })
	select {
	case <-ctx.Done():
		return traffic.Report{}, ctx.Err()
	case <-time.After(takes):
	}
	if fails != nil {
		return traffic.Report{}, fails
	}
	counted := sample.Sample{
		Epoch: "1", Time: at.Add(off), Hosts: []sample.Host{{Cluster: "c", Address: "10.0.0.1:80", Requests: uint64(at.Sub(m.begin)/(100*time.Millisecond)) + 5, Opened: 1}},
	}
	return traffic.Report{
		Time: at.Add(off), Nodes: []topology.Node{{ID: "a", Kind: topology.Workload}, {ID: "b", Kind: topology.Workload}},
		Addresses: map[string]traffic.Address{"10.0.0.1:80": {Node: "b"}},
		Proxies:   []traffic.Proxy{{ID: "a.default", Node: "a", Sample: counted, Clusters: map[string]traffic.Cluster{"c": {Protocol: topology.HTTP}}}},
	}, nil
}

func (m *mesh) set(change func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change()
}

func rate(t *testing.T, g topology.Graph, err error) float64 {
	t.Helper()
	if err != nil || len(g.Edges) != 1 || g.Edges[0].Rates.Requests == nil {
		t.Fatalf("%v, %+v", err, g)
	}
	return *g.Edges[0].Rates.Requests
}

// TestNext: the first graph comes at once and without rates, each further one after an interval; what was lost in between is counted later.
func TestNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &mesh{begin: time.Now()}
		f := trafficfeed.New(m, "shop", 0)
		next := func() (topology.Graph, error) { return f.Next(t.Context(), time.Minute) }
		g, err := next()
		if err != nil || !time.Now().Equal(m.begin) || g.Window != 0 || g.Edges[0].Rates.Requests != nil || m.namespace != "shop" {
			t.Fatalf("%v after %s, %+v", err, time.Since(m.begin), g)
		}
		g, err = next()
		if got := rate(t, g, err); got != 10 || time.Since(m.begin) != trafficfeed.DefaultInterval {
			t.Errorf("%v requests a second after %s", got, time.Since(m.begin))
		}
		time.Sleep(10 * time.Second)
		begin := time.Now()
		if _, err := next(); err != nil || time.Since(begin) != 0 {
			t.Errorf("%v; waited %s although the interval is over", err, time.Since(begin))
		}
		lost := errors.New("lost")
		m.set(func() { m.fails = lost })
		for range 3 {
			if _, err := next(); !errors.Is(err, lost) {
				t.Error(err)
			}
		}
		if time.Since(begin) != 3*time.Second {
			t.Errorf("a connection that is lost is tried again after %s", time.Since(begin)/3)
		}
		m.set(func() { m.fails, m.off = nil, -time.Hour })
		g, err = next()
		if got := rate(t, g, err); got != 10 || g.Window != 15*time.Second {
			t.Errorf("%v requests a second over %s, with a clock set back meanwhile", got, g.Window)
		}
		asked := m.asked
		if time.Sleep(time.Hour); m.asked != asked {
			t.Error("the mesh was asked while nobody called Next")
		}
	})
}

// TestNextEnds: a call ends with its context, wherever it waits; others go on.
func TestNextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &mesh{begin: time.Now(), takes: time.Hour}
		f := trafficfeed.New(m, "", time.Minute)
		ended := func(what string) {
			t.Helper()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			begin := time.Now()
			if _, err := f.Next(ctx, time.Minute); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Second {
				t.Errorf("%s: %v after %s", what, err, time.Since(begin))
			}
		}
		ended("while the mesh is asked")
		ended("before the interval is over")
		var other sync.WaitGroup
		other.Go(func() {
			if _, err := f.Next(t.Context(), time.Minute); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		time.Sleep(2 * time.Minute)
		ended("while another call runs")
		other.Wait()
	})
}

func TestCallsWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &mesh{begin: time.Now(), takes: 100 * time.Millisecond}
		f := trafficfeed.New(m, "", time.Second)
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() {
				if _, err := f.Next(t.Context(), time.Minute); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if got := time.Since(m.begin); got != 4100*time.Millisecond {
			t.Errorf("five calls took %s", got)
		}
	})
}
