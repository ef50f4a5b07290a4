package traffic_test

import (
	"math"
	"testing"
	"time"

	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/pkg/traffic"
	"github.com/meshctl/meshctl/pkg/traffic/sample"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

const (
	a       = "workload/default/a"
	b       = "workload/default/b"
	cluster = "outbound|80||b.default.svc.cluster.local"
)

// counted is what the tests vary: requests and failures that a's proxy has sent to b's.
type counted struct {
	epoch            string
	requests, failed uint64
	latency          sample.Histogram
}

func report(second float64, c counted) traffic.Report {
	at := start.Add(time.Duration(second * float64(time.Second)))
	return traffic.Report{
		Time: at,
		Nodes: []topology.Node{
			{ID: a, Kind: topology.Workload, Name: "a", Namespace: "default", Instances: 1, Proxies: 1},
			{ID: b, Kind: topology.Workload, Name: "b", Namespace: "default", Instances: 1, Proxies: 1},
		},
		Addresses: map[string]traffic.Address{"10.0.0.1:80": {Node: b, Proxy: "b.default", MutualTLS: true}},
		Proxies: []traffic.Proxy{{
			ID: "a.default", Node: a, Clusters: map[string]traffic.Cluster{cluster: {Host: "b.default.svc.cluster.local", Port: 80, Protocol: topology.HTTP}},
			Sample: sample.Sample{
				Epoch: c.epoch, Time: at,
				Hosts:    []sample.Host{{Cluster: cluster, Address: "10.0.0.1:80", Requests: c.requests, Failed: c.failed, Opened: 1, Connections: 1}},
				Clusters: []sample.Cluster{{Name: cluster, Latency: c.latency}},
			},
		}},
	}
}

// add takes up a report that is heard at its own time.
func add(w *traffic.Window, r traffic.Report) { w.Add(r, r.Time) }

func edge(t *testing.T, g topology.Graph, from, to string) topology.Edge {
	t.Helper()
	for _, e := range g.Edges {
		if e.From == from && e.To == to {
			return e
		}
	}
	t.Fatalf("no edge from %s to %s in %+v", from, to, g.Edges)
	return topology.Edge{}
}

func near(t *testing.T, what string, got *float64, want float64) {
	t.Helper()
	if got == nil || math.Abs(*got-want) > 1e-6 {
		t.Errorf("%s: %s, want %v", what, topology.PerSecond(got), want)
	}
}

func TestRates(t *testing.T) {
	for name, test := range map[string]struct {
		samples        []counted // a second apart
		window         time.Duration
		requests, errs float64
	}{
		"steady":                  {[]counted{{"1", 100, 0, nil}, {"1", 110, 1, nil}, {"1", 120, 2, nil}}, time.Minute, 10, 1},
		"a window":                {[]counted{{"1", 0, 0, nil}, {"1", 0, 0, nil}, {"1", 30, 3, nil}}, time.Second, 30, 3},
		"a restart":               {[]counted{{"1", 1000, 9, nil}, {"1", 1010, 10, nil}, {"2", 6, 0, nil}}, time.Minute, 8, 0.5},
		"counters reset":          {[]counted{{"1", 1000, 9, nil}, {"1", 4, 0, nil}, {"1", 8, 0, nil}}, time.Minute, 4, 0},
		"only refused by limits":  {[]counted{{"1", 0, 0, nil}, {"1", 0, 5, nil}}, time.Minute, 5, 5},
		"restart without traffic": {[]counted{{"1", 1000, 9, nil}, {"2", 0, 0, nil}, {"2", 0, 0, nil}}, time.Minute, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var w traffic.Window
			for i, c := range test.samples {
				add(&w, report(float64(i), c))
			}
			e := edge(t, w.Graph(test.window), a, b)
			near(t, "requests", e.Rates.Requests, test.requests)
			near(t, "errors", e.Rates.Errors, test.errs)
			if e.Security != topology.MutualTLS || e.Why != "" {
				t.Errorf("%s, %s", e.Security, e.Why)
			}
		})
	}
}

func TestOneReportHasNoRates(t *testing.T) {
	var w traffic.Window
	add(&w, report(0, counted{"1", 100, 5, nil}))
	g := w.Graph(time.Minute)
	if e := edge(t, g, a, b); e.Rates.Requests != nil || g.Window != 0 {
		t.Errorf("%+v over %s", e, g.Window)
	}
}

// TestLong: half an hour of samples needs no more memory than a few of them, and every window is right.
func TestLong(t *testing.T) {
	var w traffic.Window
	for i := range 2400 {
		add(&w, report(float64(i), counted{"1", uint64(10 * i), 0, nil}))
	}
	for _, window := range []time.Duration{time.Second, 10 * time.Second, time.Minute, 30 * time.Minute} {
		near(t, window.String(), edge(t, w.Graph(window), a, b).Rates.Requests, 10)
	}
}

func TestLatency(t *testing.T) {
	var w traffic.Window
	add(&w, report(0, counted{"1", 0, 0, sample.Histogram{{Lower: 5, Width: 0.1, Count: 1000}}}))
	add(&w, report(1, counted{"1", 100, 0, sample.Histogram{{Lower: 5, Width: 0.1, Count: 1000}, {Lower: 10, Width: 1, Count: 90}, {Lower: 200, Width: 10, Count: 10}}}))
	r := edge(t, w.Graph(time.Minute), a, b).Rates
	near(t, "p50", r.P50, 10+50.0/90)
	near(t, "p95", r.P95, 205)
	near(t, "p99", r.P99, 209)
}

// TestComeAndGo: a proxy that does not answer is named, and what it said is not part of the graph for long; one that is new begins at nothing.
func TestComeAndGo(t *testing.T) {
	var w traffic.Window
	add(&w, report(0, counted{"1", 100, 0, nil}))
	add(&w, report(1, counted{"1", 110, 0, nil}))
	silent := report(10, counted{})
	silent.Proxies, silent.Silent = nil, []topology.Silent{{Proxy: "a.default", Reason: "gone"}}
	add(&w, silent)
	g := w.Graph(time.Minute)
	if len(g.Edges) != 0 || len(g.Silent) != 1 || g.Proxies != 1 {
		t.Errorf("%+v", g)
	}
	add(&w, report(11, counted{"1", 210, 0, nil}))
	near(t, "after silence", edge(t, w.Graph(time.Minute), a, b).Rates.Requests, 10)
}

// TestSplitsAreOfCallers: two callers of one service with different routes each have their own shares, of what they themselves send; and of two
// hosts that lead to the same workloads, that with the most traffic is told.
func TestSplitsAreOfCallers(t *testing.T) {
	const c = "workload/default/c"
	at := func(second float64, sent map[string][3]uint64) traffic.Report {
		r := report(second, counted{})
		r.Nodes = append(r.Nodes, topology.Node{ID: c, Kind: topology.Workload})
		r.Addresses["10.0.0.2:80"] = traffic.Address{Node: "workload/default/b2"}
		r.Nodes = append(r.Nodes, topology.Node{ID: "workload/default/b2", Kind: topology.Workload})
		r.Proxies = nil
		for caller, n := range sent {
			first := map[string]float64{a: 0.75, c: 0.1}[caller]
			split := func(host string, share float64) *traffic.Split {
				return &traffic.Split{Host: host, Route: "VirtualService default/b#" + caller, Origin: "VirtualService default/b", Share: share}
			}
			r.Proxies = append(r.Proxies, traffic.Proxy{
				ID: caller, Node: caller, Sample: sample.Sample{Epoch: "1", Time: r.Time, Hosts: []sample.Host{
					{Cluster: "v1", Address: "10.0.0.1:80", Requests: n[0], Opened: 1}, {Cluster: "v2", Address: "10.0.0.2:80", Requests: n[1], Opened: 1},
					{Cluster: "other", Address: "10.0.0.1:80", Requests: n[2], Opened: 1},
				}},
				Clusters: map[string]traffic.Cluster{"v1": {Split: split("b", first)}, "v2": {Split: split("b", 1-first)}, "other": {Split: split("other", 0.5)}},
			})
		}
		return r
	}
	var w traffic.Window
	add(&w, at(0, map[string][3]uint64{a: {}, c: {}}))
	add(&w, at(1, map[string][3]uint64{a: {80, 20, 7}, c: {3, 7, 0}}))
	g := w.Graph(time.Minute)
	for _, want := range []struct {
		from, to             string
		configured, observed float64
	}{{a, b, 0.75, 0.8}, {a, "workload/default/b2", 0.25, 0.2}, {c, b, 0.1, 0.3}, {c, "workload/default/b2", 0.9, 0.7}} {
		s := edge(t, g, want.from, want.to).Split
		if s == nil || s.Host != "b" || math.Abs(s.Configured-want.configured) > 1e-9 || math.Abs(s.Observed-want.observed) > 1e-9 {
			t.Errorf("%s to %s: %+v, want %v of %v", want.from, want.to, s, want.observed, want.configured)
		}
	}
}

// TestAborted: what fault injection answers is of the edge that it would have taken, besides what is sent, and no part of any observed share.
func TestAborted(t *testing.T) {
	const unknown = "outbound|80||gone.default.svc.cluster.local"
	at := func(second float64, n uint64) traffic.Report {
		r := report(second, counted{"1", 3 * n, 0, nil})
		p := &r.Proxies[0]
		known := p.Clusters[cluster]
		known.Workload, known.Node, known.Split = b, "service/default/b", &traffic.Split{Host: "b", Route: "r", Share: 0.5}
		several := known
		several.Workload = ""
		p.Clusters = map[string]traffic.Cluster{cluster: known, "several": several}
		p.Sample.Clusters = []sample.Cluster{{Name: cluster, Aborted: n}, {Name: "several", Aborted: 2 * n}, {Name: unknown, Aborted: n}}
		r.Nodes = append(r.Nodes, topology.Node{ID: "service/default/b", Kind: topology.Service, Name: "b"})
		return r
	}
	var w traffic.Window
	add(&w, at(0, 0))
	add(&w, at(1, 10))
	g := w.Graph(time.Minute)
	e := edge(t, g, a, b)
	near(t, "requests", e.Rates.Requests, 40)
	near(t, "errors", e.Rates.Errors, 10)
	if e.Split == nil || e.Split.Observed != 1 || e.Security != topology.MutualTLS || len(e.Badges) != 1 || e.Badges[0] != topology.Fault {
		t.Errorf("%+v", e)
	}
	e = edge(t, g, a, "service/default/b")
	near(t, "requests to one of several", e.Rates.Requests, 20)
	near(t, "errors of them", e.Rates.Errors, 20)
	if e.Host != "b.default.svc.cluster.local" || e.Split != nil || len(g.Edges) != 2 {
		t.Errorf("%+v", g.Edges)
	}
	for _, n := range g.Nodes {
		if n.ID == a {
			near(t, "all that is asked", n.Out.Requests, 70)
		}
		if n.ID == b {
			near(t, "all that arrives", n.In.Requests, 30)
			near(t, "errors of that", n.In.Errors, 0)
		}
	}
}

func TestUnmeshedCallers(t *testing.T) {
	inbound := func(second float64, sent, got, encrypted uint64) traffic.Report {
		r := report(second, counted{"1", sent, 0, nil})
		r.Proxies = append(r.Proxies, traffic.Proxy{ID: "b.default", Node: b, Sample: sample.Sample{
			Epoch: "1", Time: r.Time, Inbound: []sample.Inbound{{Name: "inbound_0.0.0.0_80", Requests: got, Opened: 3, Encrypted: encrypted}, {Name: "outbound_127.0.0.1_http_proxy", Opened: 9}},
		}})
		return r
	}
	var w traffic.Window
	add(&w, inbound(0, 0, 0, 2))
	add(&w, inbound(1, 10, 14, 2))
	e := edge(t, w.Graph(time.Minute), "unmeshed//unknown", b)
	near(t, "requests", e.Rates.Requests, 4)
	if e.Security != topology.Plaintext || e.Why != "no sidecar" {
		t.Errorf("%+v", e)
	}
	// One sample of a connection whose handshake is not counted yet says nothing.
	var early traffic.Window
	add(&early, inbound(0, 0, 0, 3))
	add(&early, inbound(1, 10, 14, 2))
	if g := early.Graph(time.Minute); len(g.Edges) != 1 {
		t.Errorf("%+v", g.Edges)
	}
	// With mutual TLS on every connection nobody is unmeshed: the caller's proxy was not asked.
	var all traffic.Window
	add(&all, inbound(0, 0, 0, 3))
	add(&all, inbound(1, 10, 14, 3))
	if g := all.Graph(time.Minute); len(g.Edges) != 1 {
		t.Errorf("%+v", g.Edges)
	}
}

func TestMerge(t *testing.T) {
	one, two := report(0, counted{"1", 1, 0, nil}), report(1, counted{})
	two.Proxies = nil
	one.Nodes[1].Proxies, two.Nodes[0].Proxies = 0, 0
	two.Silent = []topology.Silent{{Proxy: "a.default", Reason: "its agent is not connected"}, {Proxy: "c.default", Reason: "x"}}
	m := traffic.Merge([]traffic.Report{one, two})
	if len(m.Proxies) != 1 || len(m.Silent) != 1 || m.Silent[0].Proxy != "c.default" || len(m.Nodes) != 2 || m.Nodes[0].Proxies != 1 || m.Nodes[1].Proxies != 1 {
		t.Errorf("%+v", m)
	}
}
