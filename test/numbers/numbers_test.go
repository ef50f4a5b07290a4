// Package numbers_test holds the traffic that viewers are shown against what was really sent through live Envoys.
package numbers_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/internal/meshtest"
	"github.com/meshctl/meshctl/internal/trafficfeed"
	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/pkg/traffic"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const services = `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {clusterIP: 10.96.0.1, selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}, {name: tcp, port: 7000}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: default}
spec: {host: web, subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]}
`

// route splits, and fails some requests.
func route(abort, v1 int) string {
	return fmt.Sprintf(`
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: default}
spec:
  hosts: [web]
  http:
  - fault: {abort: {percentage: {value: %d}, httpStatus: 503}}
    route: [{destination: {host: web, subset: v1}, weight: %d}, {destination: {host: web, subset: v2}, weight: %d}]
`, abort, v1, 100-v1)
}

const client, v1, v2 = "workload/default/client", "workload/default/web-v1", "workload/default/web-v2"

func members() []meshtest.Member {
	web := func(version string) meshtest.Member {
		o := meshtest.Sidecar("web-"+version, "app=web", "version="+version)
		return meshtest.Member{Options: o, Serves: true}
	}
	return []meshtest.Member{{Options: meshtest.Sidecar("client")}, web("v1"), web("v2")}
}

// viewer looks at the mesh.
type viewer struct {
	t    *testing.T
	feed *trafficfeed.Feed
}

// look returns the traffic since the viewer began.
func (v viewer) look() topology.Graph {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), envoytest.Timeout)
	defer cancel()
	g, err := v.feed.Next(ctx, traffic.Longest)
	if err != nil {
		v.t.Fatal(err)
	}
	for _, e := range g.Edges {
		for _, n := range numbers(e.Rates) {
			if n < 0 || math.IsNaN(n) || math.IsInf(n, 0) {
				v.t.Errorf("%s to %s: %v", e.From, e.To, n)
			}
		}
	}
	return g
}

// lookUntil looks until there is nothing new: Envoy gives histograms out every few seconds, and viewers share samples for a moment.
func (v viewer) lookUntil(what string, seen func(g topology.Graph) error) (g topology.Graph) {
	v.t.Helper()
	envoytest.Eventually(v.t, what, func() error {
		g = v.look()
		return seen(g)
	})
	return g
}

// sentBy is how many requests a node sent in all, and how many of them failed.
func sentBy(g topology.Graph, node string) (requests, errors float64) {
	for _, e := range g.Edges {
		if e.From == node && e.Protocol == topology.HTTP {
			requests, errors = requests+count(g, e.Rates.Requests), errors+count(g, e.Rates.Errors)
		}
	}
	return requests, errors
}

// atLeast waits for most of the requests of a node.
func atLeast(n int) func(g topology.Graph) error {
	return func(g topology.Graph) error {
		if requests, _ := sentBy(g, client); requests < 0.95*float64(n) {
			return fmt.Errorf("%.1f of %d requests", requests, n)
		}
		return nil
	}
}

func numbers(r topology.Rates) (out []float64) {
	for _, n := range []*float64{r.Requests, r.Errors, r.P50, r.P95, r.P99, r.Sent, r.Received, r.Connections, r.Opened, r.Retries, r.Ejections} {
		if n != nil {
			out = append(out, *n)
		}
	}
	return out
}

// edge is the one between two nodes; an empty one where there is none.
func edge(g topology.Graph, from, to string, protocol topology.Protocol) topology.Edge {
	for _, e := range g.Edges {
		if e.From == from && e.To == to && e.Protocol == protocol {
			return e
		}
	}
	return topology.Edge{}
}

// count is how many there were in the window of a graph.
func count(g topology.Graph, rate *float64) float64 {
	if rate == nil {
		return 0
	}
	return *rate * g.Window.Seconds()
}

// sent is what a load was answered.
type sent struct {
	total, failed int
	by            map[string]int // answers of each program
	took          []time.Duration
}

func (s sent) quantile(q float64) time.Duration {
	slices.Sort(s.took)
	return s.took[int(q*float64(len(s.took)-1))]
}

// load sends n requests, of which every slow one takes its time.
func load(t *testing.T, m *meshtest.Traffic, n, slow int, delay string) sent {
	t.Helper()
	out := sent{by: map[string]int{}}
	http := m.Client("client", "http://web/")
	var mu sync.Mutex
	var running sync.WaitGroup
	next := make(chan int)
	for range 8 {
		running.Go(func() {
			for i := range next {
				r := meshtest.Request{URL: "http://web/"}
				if i%slow == 0 {
					r.Headers = []string{"x-answer-after=" + delay}
				}
				begin := time.Now()
				a, err := meshtest.Try(http, r)
				took := time.Since(begin)
				mu.Lock()
				if err != nil {
					t.Error(err)
				}
				out.total++
				if a.Status >= 500 {
					out.failed++
				} else {
					out.took = append(out.took, took)
				}
				out.by[a.Echo.Program]++
				mu.Unlock()
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	running.Wait()
	return out
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if math.Abs(got-want) > tolerance {
		t.Errorf("%s: %.2f, want %.2f", what, got, want)
	}
}

// TestNumbersAreThoseOfTheLoad: rates within 5 %, the share of errors within a point, the observed split, and p99 within a bucket of the
// histograms that Prometheus gets, of a load of known size between two looks.
func TestNumbersAreThoseOfTheLoad(t *testing.T) {
	meshtest.BothModes(t, map[string]string{"services.yaml": services, "route.yaml": route(20, 75)}, members(), func(t *testing.T, m *meshtest.Traffic) {
		v := viewer{t, trafficfeed.New(m.Plane.API, "", 0)}
		v.look()
		s := load(t, m, 600, 12, "350ms")
		var to map[string]topology.Edge
		g := v.lookUntil("the load", func(g topology.Graph) error {
			to = map[string]topology.Edge{"web-v1": edge(g, client, v1, topology.HTTP), "web-v2": edge(g, client, v2, topology.HTTP)}
			for program, e := range to {
				if e.Rates.P99 == nil || *e.Rates.P99 < 250 {
					return fmt.Errorf("no percentiles of %s that have the slow requests", program)
				}
			}
			return atLeast(s.total)(g)
		})
		requests, errors := sentBy(g, client)
		near(t, "requests", requests, float64(s.total), 0.05*float64(s.total))
		near(t, "share of errors in percent", 100*errors/requests, 100*float64(s.failed)/float64(s.total), 1)
		for program, e := range to {
			near(t, "requests that "+program+" answers", count(g, e.Rates.Requests)-count(g, e.Rates.Errors), float64(s.by[program]), 0.05*float64(s.by[program]))
			if e.Security != topology.MutualTLS {
				t.Errorf("%s: security %q, %s", program, e.Security, e.Why)
			}
			if e.Split == nil {
				t.Errorf("%s has no split", program)
				continue
			}
			near(t, "observed share of "+program, e.Split.Observed, float64(s.by[program])/float64(s.total-s.failed), 0.01)
			near(t, "configured share of "+program, e.Split.Configured, map[string]float64{"web-v1": 0.75, "web-v2": 0.25}[program], 0.001)
			if want := float64(s.quantile(0.99).Milliseconds()); bucket(*e.Rates.P99) != bucket(want) {
				t.Errorf("%s: p99 %.1f ms, the client measured %.1f ms", program, *e.Rates.P99, want)
			}
			if *e.Rates.P50 >= 350 {
				t.Errorf("%s: p50 %.1f ms", program, *e.Rates.P50)
			}
		}
	})
}

// bucket is the one of Envoy's histograms, as Prometheus gets them, that a number of milliseconds falls into.
func bucket(ms float64) int {
	bounds := []float64{0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000}
	i, _ := slices.BinarySearch(bounds, ms)
	return i
}

// TestNumbersOfHalfFailing: what fault injection answers counts once.
func TestNumbersOfHalfFailing(t *testing.T) {
	m := meshtest.Explicit(t, map[string]string{"services.yaml": services, "route.yaml": route(50, 100)}, members())
	v := viewer{t, trafficfeed.New(m.Plane.API, "", 0)}
	v.look()
	s := load(t, m, 300, 1000, "0s")
	requests, errors := sentBy(v.lookUntil("the load", atLeast(s.total)), client)
	near(t, "requests", requests, float64(s.total), 0.05*float64(s.total))
	near(t, "errors", errors, float64(s.failed), 0.01*float64(s.total))
}

// TestAllAborted: requests of which none is sent, because faults are injected for several services, are those of the edges that they would have
// taken, and all of them failed.
func TestAllAborted(t *testing.T) {
	const two = `
apiVersion: v1
kind: Service
metadata: {name: two, namespace: default}
spec: {clusterIP: 10.96.0.2, selector: {version: v2}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: both, namespace: default}
spec: {clusterIP: 10.96.0.3, selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: others, namespace: default}
spec:
  hosts: [two, both]
  http:
  - match: [{authority: {prefix: two}}]
    fault: {abort: {percentage: {value: 100}, httpStatus: 500}}
    route: [{destination: {host: two}}]
  - fault: {abort: {percentage: {value: 100}, httpStatus: 500}}
    route: [{destination: {host: both}}]
`
	m := meshtest.Explicit(t, map[string]string{"services.yaml": services, "route.yaml": route(100, 100), "two.yaml": two}, members())
	v := viewer{t, trafficfeed.New(m.Plane.API, "", 0)}
	v.look()
	want := map[string]int{v1: 30, v2: 20, "service/default/both": 10}
	for host, n := range map[string]int{"web": want[v1], "two": want[v2], "both": want["service/default/both"]} {
		c := m.Client("client", "http://"+host+"/")
		for range n {
			if a := meshtest.Get(t, c, "http://"+host+"/"); a.Status < 500 {
				t.Fatal(a.Status)
			}
		}
	}
	g := v.lookUntil("the load", atLeast(60))
	for to, n := range want {
		e := edge(g, client, to, topology.HTTP)
		near(t, "requests to "+to, count(g, e.Rates.Requests), float64(n), 0.05*float64(n))
		if share, ok := e.Rates.ErrorShare(); !ok || share != 1 || !slices.Contains(e.Badges, topology.Fault) || !e.Wrong(nil) {
			t.Errorf("%s: share of errors %v, %q", to, share, e.Badges)
		}
	}
	if got := len(g.Edges); got != len(want) {
		t.Errorf("%d edges: %+v", got, g.Edges)
	}
}

// TestSplitsAreOfCallers: two callers with different routes to one service each have their own shares.
func TestSplitsAreOfCallers(t *testing.T) {
	const split = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: default}
spec:
  hosts: [web]
  http:
  - match: [{sourceLabels: {app: canary}}]
    route: [{destination: {host: web, subset: v1}, weight: 20}, {destination: {host: web, subset: v2}, weight: 80}]
  - route: [{destination: {host: web, subset: v1}, weight: 75}, {destination: {host: web, subset: v2}, weight: 25}]
`
	canary := meshtest.Member{Options: meshtest.Sidecar("canary", "app=canary")}
	m := meshtest.Explicit(t, map[string]string{"services.yaml": services, "route.yaml": split}, append(members(), canary))
	v := viewer{t, trafficfeed.New(m.Plane.API, "", 0)}
	v.look()
	const requests = 100
	by := map[string]map[string]int{"client": {}, "canary": {}}
	for caller, answers := range by {
		c := m.Client(caller, "http://web/")
		for range requests {
			answers[meshtest.Get(t, c, "http://web/").Echo.Program]++
		}
	}
	g := v.lookUntil("the load", func(g topology.Graph) error {
		for caller := range by {
			if n, _ := sentBy(g, "workload/default/"+caller); n < 0.99*requests {
				return fmt.Errorf("%.1f of %d requests of %s", n, requests, caller)
			}
		}
		return nil
	})
	for caller, configured := range map[string]float64{"client": 0.75, "canary": 0.2} {
		e := edge(g, "workload/default/"+caller, v1, topology.HTTP)
		if e.Split == nil {
			t.Errorf("%s has no split", caller)
			continue
		}
		near(t, "configured share of v1 for "+caller, e.Split.Configured, configured, 0.001)
		near(t, "observed share of v1 for "+caller, e.Split.Observed, float64(by[caller]["web-v1"])/requests, 0.01)
	}
}

// TestNumbersAcrossRestarts: counters that begin again, and workloads that are gone, make nothing negative and nothing up.
func TestNumbersAcrossRestarts(t *testing.T) {
	m := meshtest.Explicit(t, map[string]string{"services.yaml": services, "route.yaml": route(0, 50)}, members())
	v := viewer{t, trafficfeed.New(m.Plane.API, "", 0)}
	v.look()
	load(t, m, 100, 1000, "0s")
	v.lookUntil("the load", atLeast(100))
	w := m.Member("client")
	killed := w.State().EnvoyPID
	kill(t, killed)
	envoytest.Eventually(t, "another Envoy", func() error {
		if s := w.State(); s.EnvoyPID == killed || s.EnvoyPID == 0 || !s.Ready {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
	m.Settle()
	v.look()
	s := load(t, m, 50, 1000, "0s")
	requests, _ := sentBy(v.lookUntil("the load of the new Envoy", atLeast(s.total+100)), client)
	near(t, "requests of both Envoys", requests, float64(s.total+100), 0.05*float64(s.total+100))
	for _, n := range v.look().Nodes {
		if want := map[string]int{client: 1}[n.ID]; n.Restarts != want {
			t.Errorf("%s has begun anew %d times, want %d", n.ID, n.Restarts, want)
		}
	}
}

// TestNumbersOfStrangersAndConnections: callers without a proxy are seen by the server's, and TCP has connections and bytes.
func TestNumbersOfStrangersAndConnections(t *testing.T) {
	m := meshtest.Explicit(t, map[string]string{"services.yaml": services, "route.yaml": route(0, 100)}, members())
	v := viewer{t, trafficfeed.New(m.Plane.API, "", 0)}
	v.look()
	stranger := m.Member("web-v1").ClientAt("inbound|8080")
	for range 20 {
		if a := meshtest.Get(t, stranger, "http://web/"); a.Status != 200 {
			t.Fatal(a.Status)
		}
	}
	conn, err := m.Dial("client", "web", 7000)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := meshtest.Greeting(conn); err != nil {
		t.Fatal(err)
	}
	v.lookUntil("the stranger and the connection", func(g topology.Graph) error {
		var unmeshed, tcp float64
		for _, e := range g.Edges {
			switch {
			case strings.HasPrefix(e.From, "unmeshed/") && e.To == v1:
				unmeshed += count(g, e.Rates.Requests)
				if e.Security != topology.Plaintext {
					return fmt.Errorf("the stranger's edge is %s (%s)", e.Security, e.Why)
				}
			case e.Protocol == topology.TCP && e.From == client && e.Rates.Connections != nil:
				tcp += *e.Rates.Connections
			}
		}
		if math.Abs(unmeshed-20) > 1 || tcp != 1 {
			return fmt.Errorf("%.1f requests of strangers, want 20; %.0f open connections, want 1", unmeshed, tcp)
		}
		return nil
	})
}
