package traffic_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/pkg/traffic"
	"github.com/meshctl/meshctl/pkg/traffic/sample"
)

// TestClocksThatAreSet: ten requests a second, and thirty from the tenth second on, are that, whatever the clocks of the proxy's machine and of
// the control plane do at the tenth second.
func TestClocksThatAreSet(t *testing.T) {
	const while = 20 * time.Minute // less than a window
	for name, test := range map[string]struct {
		proxy, plane time.Duration
		restart      bool
		low          bool // rates may be too low
	}{
		"the proxy's goes forward":         {proxy: while},
		"the proxy's goes back":            {proxy: -while},
		"both go back":                     {proxy: -while, plane: -while},
		"the control plane's goes forward": {plane: while},
		"the control plane's goes back":    {plane: -while},
		"a restart on a clock that is off": {proxy: -2 * time.Second, restart: true},
		"both go forward":                  {proxy: while, plane: while, low: true}, // the viewer may have slept
	} {
		t.Run(name, func(t *testing.T) {
			var w traffic.Window
			for i := range 20 {
				c := counted{"1", uint64(10*i + max(0, 20*(i-10))), 0, nil}
				if test.restart && i >= 10 {
					c = counted{"2", uint64(10 + 30*(i-10)), 0, nil}
				}
				r := report(float64(i), c)
				if i >= 10 {
					r.Proxies[0].Sample.Time, r.Time = r.Time.Add(test.proxy), r.Time.Add(test.plane)
				}
				w.Add(r, start.Add(time.Duration(i)*time.Second))
			}
			for window, want := range map[time.Duration]float64{2 * time.Second: 30, 15 * time.Second: 330.0 / 15, time.Hour: 370.0 / 19} {
				g := w.Graph(window)
				if got := edge(t, g, a, b).Rates.Requests; !test.low || window < 9*time.Second || *got > want {
					near(t, window.String(), got, want)
				}
				if want := min(window, 19*time.Second); g.Window != want {
					t.Errorf("a window of %s is %s long", window, g.Window)
				}
			}
		})
	}
}

// TestAViewerThatSleeps: what was sent while its machine slept was not sent in a second.
func TestAViewerThatSleeps(t *testing.T) {
	var w traffic.Window
	for i := range 10 {
		second := i
		if i >= 5 {
			second += 600
		}
		w.Add(report(float64(second), counted{"1", uint64(10 * second), 0, nil}), start.Add(time.Duration(i)*time.Second))
		if i > 0 {
			near(t, "requests", edge(t, w.Graph(2*time.Second), a, b).Rates.Requests, 10)
		}
	}
}

// TestACutAnswerLacksNothing: what it leaves out, a host or a number of one, has neither begun anew nor come to an end.
func TestACutAnswerLacksNothing(t *testing.T) {
	slow := func(n uint64) sample.Histogram { return sample.Histogram{{Lower: 5, Width: 1, Count: n}} }
	var w traffic.Window
	say := func(second float64, epoch string, cut bool, change func(s *sample.Sample)) {
		r := report(second, counted{epoch, uint64(1000 * second), 0, slow(uint64(1000 * second))})
		r.Proxies[0].Sample.Cut = cut
		change(&r.Proxies[0].Sample)
		add(&w, r)
	}
	whole := func(*sample.Sample) {}
	say(1, "1", false, whole)
	say(2, "1", true, func(s *sample.Sample) { s.Hosts, s.Clusters = nil, nil })
	say(3, "1", true, whole)
	say(4, "1", true, func(s *sample.Sample) { s.Hosts[0].Requests, s.Clusters[0].Latency = 0, nil })
	say(5, "1", false, whole)
	e := edge(t, w.Graph(time.Hour), a, b)
	near(t, "requests", e.Rates.Requests, 1000)
	// After a restart the numbers are those of the new process, not the sums of both.
	add(&w, report(6, counted{"2", 10, 0, slow(10)}))
	say(7, "2", true, func(s *sample.Sample) { s.Hosts, s.Clusters = nil, nil })
	add(&w, report(8, counted{"2", 30, 0, slow(30)}))
	near(t, "requests of the new process", edge(t, w.Graph(2*time.Second), a, b).Rates.Requests, 10)
}

// TestEverNewAddresses: a proxy that calls other addresses all the time does not fill the viewer's memory.
func TestEverNewAddresses(t *testing.T) {
	var w traffic.Window
	for i := range 100 {
		r := report(float64(i), counted{"1", uint64(i), 0, nil})
		for j := range 100 {
			r.Proxies[0].Sample.Hosts = append(r.Proxies[0].Sample.Hosts, sample.Host{Cluster: "PassthroughCluster", Address: fmt.Sprintf("192.0.2.%d:%d", j, i), Opened: 1})
		}
		add(&w, r)
	}
	if n := len(w.Graph(time.Hour).Edges); n > 2200 {
		t.Errorf("%d edges", n)
	}
}

// TestMergeTakesTheNewest: a proxy that has changed from one replica to another is there twice for a moment.
func TestMergeTakesTheNewest(t *testing.T) {
	old, now := report(0, counted{"1", 1, 0, nil}), report(1, counted{"2", 5, 0, nil})
	for _, reports := range [][]traffic.Report{{old, now}, {now, old}} {
		if m := traffic.Merge(reports); len(m.Proxies) != 1 || m.Proxies[0].Sample.Epoch != "2" {
			t.Errorf("%+v", m.Proxies)
		}
	}
}

// numbersAreNumbers reports what of a graph cannot be.
func numbersAreNumbers(t *testing.T, g topology.Graph) {
	t.Helper()
	if g.Window < 0 {
		t.Errorf("a window of %s", g.Window)
	}
	rates := func(what string, r topology.Rates) {
		for i, v := range []*float64{r.Requests, r.Errors, r.P50, r.P95, r.P99, r.Sent, r.Received, r.Connections, r.Opened, r.Retries, r.Ejections} {
			if v != nil && !(*v >= 0 && *v < 1e300) {
				t.Errorf("number %d of %s is %v", i, what, *v)
			}
		}
		if share, ok := r.ErrorShare(); ok && !(share >= 0 && share <= 1) {
			t.Errorf("%v of the requests of %s fail", share, what)
		}
	}
	known := map[string]bool{}
	for _, n := range g.Nodes {
		known[n.ID] = true
		rates(n.ID, n.In)
		rates(n.ID, n.Out)
	}
	for _, e := range g.Edges {
		rates(e.From+" to "+e.To, e.Rates)
		if !known[e.To] {
			t.Errorf("%s leads to %s, which is no node", e.From, e.To)
		}
		if s := e.Split; s != nil && !(s.Observed >= 0 && s.Observed <= 1) {
			t.Errorf("%+v", s)
		}
	}
}
