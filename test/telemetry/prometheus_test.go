package telemetry_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/internal/loadgen"
	"github.com/meshctl/meshctl/internal/meshtest"
	"github.com/meshctl/meshctl/internal/trafficfeed"
	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/samples/addons/grafana"
	"github.com/meshctl/meshctl/test/servers"
)

const (
	// window is what rates are compared over, while the load goes on.
	window = 5 * time.Second
	// rps is the load, a third of which asks for what fails.
	rps = 30
)

// failing: what the page itself asks of ratings fails before it is sent, and calls to reviews take long.
const failing = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ratings, namespace: default}
spec:
  hosts: [ratings]
  http:
  - match: [{sourceLabels: {app: productpage}}]
    fault: {abort: {percentage: {value: 100}, httpStatus: 503}}
    route: [{destination: {host: ratings}}]
  - route: [{destination: {host: ratings}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: default}
spec:
  hosts: [reviews]
  http:
  - fault: {delay: {percentage: {value: 100}, fixedDelay: 60ms}}
    route: [{destination: {host: reviews}}]
`

// echo is something that is called over TCP.
const echo = `
apiVersion: v1
kind: Service
metadata: {name: echo, namespace: default}
spec: {selector: {app: echo}, ports: [{name: tcp, port: 7000}]}
`

// observed is Bookinfo of which a real Prometheus and meshctl's own feed read the numbers.
type observed struct {
	*shop
	prometheus *servers.Prometheus
	feed       *trafficfeed.Feed
}

// TestPrometheusAgrees: Prometheus, which scrapes the agents, computes the same numbers as `meshctl stat` and the dashboard do.
func TestPrometheusAgrees(t *testing.T) {
	o := &observed{shop: newShop(t, map[string]string{"failing.yaml": failing, "echo.yaml": echo})}
	program := meshtest.StartProgram(t, "echo")
	sidecar := meshtest.Sidecar("echo")
	sidecar.Ports = program.Ports()
	o.all["echo"] = o.Start(sidecar)
	o.prometheus = servers.StartPrometheus(t, o.scrapeConfig())
	o.feed = trafficfeed.New(o.Plane.API, "", 500*time.Millisecond)
	o.warm(t)
	o.settled(t)
	o.graph(t, window)
	o.scraped(t)

	generator, err := loadgen.New(loadgen.Options{URLs: []string{o.url + "/productpage", o.url + "/productpage", o.url + "/api/v1/products/0/ratings"}, RPS: rps})
	check(t, err)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	done := make(chan error, 1)
	go func() { done <- generator.Run(ctx) }()
	for began := time.Now(); time.Since(began) < window; {
		o.graph(t, window)
	}
	// A moment's delay of a scrape on a busy machine is no difference; one that stays is.
	envoytest.Eventually(t, "the same rates", func() error { return o.rates(t, o.graph(t, window)) })
	o.talk(t)
	stop()
	check(t, <-done)
	o.settled(t)
	o.dashboards(t, time.Now())
	o.kiali(t)
	g, stats := o.graph(t, time.Hour), generator.Stats()
	o.shares(t, g)
	received, _ := numbers(g, func(r topology.Rates) *float64 { return r.Requests })
	got, want := *received["productpage-v1 default"]*g.Window.Seconds(), float64(stats.OK+stats.Errors)
	if !within5Percent(got, want) {
		t.Errorf("of %v requests %v are known", want, got)
	}
}

// settled waits until Envoys, to which nobody talks, show their histograms as they are: they bring them up to date every five seconds, counters at
// once.
func (o *observed) settled(t *testing.T) {
	t.Helper()
	o.scraped(t)
	envoytest.Eventually(t, "all histograms", func() error {
		late, err := o.prometheus.Query(`sum by (pod) (istio_requests_total) != sum by (pod) (istio_request_duration_milliseconds_count)`, time.Now())
		if err == nil && len(late) > 0 {
			err = fmt.Errorf("%v", late)
		}
		return err
	})
}

// scrapeConfig names each workload by the labels that Prometheus in a cluster adds.
func (o *observed) scrapeConfig() string {
	targets := ""
	for name, w := range o.all {
		targets += fmt.Sprintf("\n  - {targets: [%q], labels: {namespace: default, pod: %s-1}}", w.State().StatusAddress, name)
	}
	return `
global: {scrape_interval: 500ms, scrape_timeout: 500ms}
scrape_configs:
- job_name: mesh
  metrics_path: /stats/prometheus
  static_configs:` + targets
}

// talk has connections opened and closed.
func (o *observed) talk(t *testing.T) {
	t.Helper()
	address := o.all["productpage-v1"].Local("echo.default.svc.cluster.local", meshtest.TCPPort)
	conn := meshtest.Connect(t, address)
	if name, err := meshtest.Greeting(conn); err != nil || name != "echo" {
		t.Errorf("%q says %q, %v", address, name, err)
	}
	conn.Close()
}

// warm makes every series, since Prometheus cannot tell how much one has grown before it first saw it, and none that is so small that it
// believes to know when that was.
func (o *observed) warm(t *testing.T) {
	for range 12 {
		o.page(t)
		meshtest.Expect(t, o.client, o.url+"/api/v1/products/0/ratings", http.StatusServiceUnavailable, "")
		o.talk(t)
	}
	o.client.CloseIdleConnections()
}

func (o *observed) graph(t *testing.T, window time.Duration) topology.Graph {
	t.Helper()
	g, err := o.feed.Next(context.Background(), window)
	check(t, err)
	if len(g.Silent) > 0 {
		t.Errorf("silent: %v", g.Silent)
	}
	return g
}

// scraped waits until Prometheus has read every proxy after now.
func (o *observed) scraped(t *testing.T) {
	t.Helper()
	now := float64(time.Now().UnixMilli()) / 1000
	envoytest.Eventually(t, "a scrape", func() error {
		up, err := o.prometheus.Query(`timestamp(up == 1)`, time.Now())
		if err == nil && len(up) != len(o.all) {
			err = fmt.Errorf("%d of %d proxies are up", len(up), len(o.all))
		}
		for _, one := range up {
			if one.Value <= now {
				return fmt.Errorf("%s was read before", one.Labels["instance"])
			}
		}
		return err
	})
}

// by are the values of an expression by two of their labels, "A B".
func (o *observed) by(t *testing.T, at time.Time, labels [2]string, expression string) map[string]float64 {
	t.Helper()
	found, err := o.prometheus.Query(expression, at)
	check(t, err)
	out := map[string]float64{}
	for _, s := range found {
		out[s.Labels[labels[0]]+" "+s.Labels[labels[1]]] = s.Value
	}
	return out
}

var (
	receivers = [2]string{"destination_workload", "destination_workload_namespace"}
	pairs     = [2]string{"source_workload", "destination_service_name"}
)

// numbers are what a graph says of each workload that receives requests ("NAME NAMESPACE") and of each edge ("NAME SERVICE").
func numbers(g topology.Graph, number func(topology.Rates) *float64) (received, edges map[string]*float64) {
	received, edges = map[string]*float64{}, map[string]*float64{}
	name, service := map[string]string{}, map[string]string{}
	for _, n := range g.Nodes {
		name[n.ID], service[n.ID] = n.Name, n.Service
		if n.Kind == topology.Workload && n.In.Requests != nil {
			received[n.Name+" "+n.Namespace] = number(n.In)
		}
	}
	for _, e := range g.Edges {
		if from := name[e.From]; from != "" && service[e.To] != "" && e.Rates.Requests != nil && !strings.HasPrefix(e.From, "unmeshed/") {
			edges[from+" "+service[e.To]] = number(e.Rates)
		}
	}
	return received, edges
}

const (
	atServer = `reporter="destination"`
	atClient = `reporter="source"`
)

// rates compares requests a second of a steady load: within five percent.
func (o *observed) rates(t *testing.T, g topology.Graph) error {
	t.Helper()
	o.scraped(t)
	received, edges := numbers(g, func(r topology.Rates) *float64 { return r.Requests })
	rate := func(by [2]string, reporter string) map[string]float64 {
		return o.by(t, g.Time, by, fmt.Sprintf(`sum by (%s, %s) (rate(istio_requests_total{%s}[%s]))`, by[0], by[1], reporter, window))
	}
	return errors.Join(
		agree("requests a second received by", 4, received, rate(receivers, atServer), within5Percent),
		agree("requests a second from", 5, edges, rate(pairs, atClient), within5Percent),
	)
}

// shares compares what does not depend on when a request was counted, over the whole load, before and after which there was silence: the share
// of errors within one point, percentiles within one bucket.
func (o *observed) shares(t *testing.T, g topology.Graph) {
	t.Helper()
	since := fmt.Sprintf("%dms", g.Window.Milliseconds())
	received, edges := numbers(g, func(r topology.Rates) *float64 {
		share := *cmp.Or(r.Errors, new(float64)) / *r.Requests
		return &share
	})
	share := func(by [2]string, reporter string) map[string]float64 {
		all := fmt.Sprintf(`sum by (%s, %s) (increase(istio_requests_total{%s}[%s]))`, by[0], by[1], reporter, since)
		failed := strings.Replace(all, "{", `{response_code=~"5..", `, 1)
		return o.by(t, g.Time, by, "("+failed+" or 0 * "+all+") / "+all)
	}
	within1Point := func(a, b float64) bool { return math.Abs(a-b) <= 0.01 }
	agreed(t, agree("the share of errors of", 4, received, share(receivers, atServer), within1Point))
	agreed(t, agree("the share of errors from", 5, edges, share(pairs, atClient), within1Point))
	if got := *received["productpage-v1 default"]; math.Abs(got-1.0/3) > 0.01 {
		t.Errorf("the page's share of errors is %v, want a third", got)
	}
	o.percentiles(t, g, since)
}

// percentiles compares those of the same requests. One request more or less below them makes no difference.
func (o *observed) percentiles(t *testing.T, g topology.Graph, since string) {
	t.Helper()
	const oneRequest = 1.0 / 100 // of the least that any of the workloads gets
	for _, q := range []struct {
		share  float64
		number func(topology.Rates) *float64
	}{
		{0.5, func(r topology.Rates) *float64 { return r.P50 }}, {0.95, func(r topology.Rates) *float64 { return r.P95 }},
		{0.99, func(r topology.Rates) *float64 { return r.P99 }},
	} {
		received, _ := numbers(g, q.number)
		quantile := func(share float64) map[string]float64 {
			return o.by(t, g.Time, receivers, fmt.Sprintf(`histogram_quantile(%v, sum by (le, %s, %s) (increase(istio_request_duration_milliseconds_bucket{%s}[%s])))`,
				share, receivers[0], receivers[1], atServer, since))
		}
		what := fmt.Sprintf("the percentile %v of", q.share)
		agreed(t, agree(what, 4, received, quantile(q.share-oneRequest), func(ours, low float64) bool { return bucket(ours) >= bucket(low)-1 }))
		agreed(t, agree(what, 4, received, quantile(min(q.share+oneRequest, 1)), func(ours, high float64) bool { return bucket(ours) <= bucket(high)+1 }))
	}
}

// dashboards asks Prometheus each query of the dashboards in samples/addons: what names metrics of proxies has an answer, and no label is one
// that those metrics do not have.
func (o *observed) dashboards(t *testing.T, now time.Time) {
	t.Helper()
	chosen := strings.NewReplacer("$__rate_interval", "10s", "$service", "(reviews|echo).default.svc.cluster.local", "$namespace", "default", "$workload", "(productpage-v1|reviews-v2|echo)")
	asked := 0
	for _, d := range grafana.Dashboards() {
		for _, query := range d.Queries() {
			ours := 0
			for name, labels := range grafana.Names(query) {
				if !strings.HasPrefix(name, "istio_") && !strings.HasPrefix(name, "envoy_") {
					continue // of the control plane
				}
				ours++
				for _, l := range labels {
					if found, err := o.prometheus.Query(fmt.Sprintf("count(%s) by (%s)", name, l), now); err != nil || len(found) == 0 || found[0].Labels[l] == "" && l != "grpc_response_status" {
						t.Errorf("%s: %s has no label %s: %v %v", d.Title, name, l, found, err)
					}
				}
			}
			if ours == 0 {
				continue
			}
			found, err := o.prometheus.Query(chosen.Replace(query), now)
			if asked++; err != nil || len(found) == 0 {
				t.Errorf("%s: nothing for %s: %v", d.Title, query, err)
			}
		}
	}
	if asked < 50 {
		t.Errorf("only %d queries were asked", asked)
	}
}

// kiali: Kiali draws nothing of a series without one of the labels by which it groups.
func (o *observed) kiali(t *testing.T) {
	t.Helper()
	ends := []string{"cluster", "workload_namespace", "workload", "canonical_service", "canonical_revision"}
	labels := []string{"destination_service_namespace", "destination_service", "destination_service_name", "response_flags", "reporter"}
	for _, l := range ends {
		labels = append(labels, "source_"+l, "destination_"+l)
	}
	for metric, more := range map[string][]string{
		"istio_requests_total": {"request_protocol", "response_code"}, "istio_tcp_sent_bytes_total": nil, "istio_tcp_received_bytes_total": nil,
	} {
		found, err := o.prometheus.Query(metric, time.Now())
		if err != nil || len(found) < 2 {
			t.Errorf("%d series of %s, %v", len(found), metric, err)
		}
		for _, one := range found {
			for _, l := range append(more, labels...) {
				if one.Labels[l] == "" {
					t.Errorf("%s has no %s: %v", metric, l, one.Labels)
				}
			}
		}
	}
}

func within5Percent(a, b float64) bool { return math.Abs(a-b) <= 0.05*max(a, b) }

// bucket is the number of the bucket of Prometheus' histograms; Envoy's own, which we read, are finer.
func bucket(v float64) int {
	i, _ := slices.BinarySearch([]float64{0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000}, v)
	return i
}

// agree wants both to know the same n things and to say the same of each.
func agree(what string, n int, ours map[string]*float64, theirs map[string]float64, same func(a, b float64) bool) error {
	var errs []error
	if len(ours) != n || len(theirs) != n {
		errs = append(errs, fmt.Errorf("%s: %d in ours, %d in Prometheus, want %d: %v, %v", what, len(ours), len(theirs), n, slices.Sorted(maps.Keys(ours)), theirs))
	}
	for name, v := range ours {
		if other, known := theirs[name]; !known || v == nil || !same(*v, other) {
			errs = append(errs, fmt.Errorf("%s %s: ours is %v, Prometheus has %v", what, name, *cmp.Or(v, new(float64)), other))
		}
	}
	return errors.Join(errs...)
}

func agreed(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}
