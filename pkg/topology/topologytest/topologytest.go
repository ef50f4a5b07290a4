// Package topologytest has graphs for tests: the sample application with something wrong of each kind, and a large mesh.
package topologytest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/meshctl/meshctl/pkg/topology"
)

// Time is the time of all graphs.
var Time = time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC) //nolint:gochecknoglobals // a constant

// Rates are those of requests: per second, the share that fails, and the 99th percentile in milliseconds.
func Rates(requests, share, p99 float64) topology.Rates {
	p := func(v float64) *float64 { return &v }
	return topology.Rates{
		Requests: p(requests), Errors: p(requests * share), P50: p(p99 / 4), P95: p(p99 / 2), P99: p(p99),
		Sent: p(requests * 400), Received: p(requests * 5000), Connections: p(4), Opened: p(0),
	}
}

// Bookinfo is the sample application behind a gateway.
func Bookinfo() topology.Graph {
	g := topology.Graph{Time: Time, Window: time.Minute, Proxies: 9}
	workload := func(service, version string, in, out topology.Rates) *topology.Node {
		g.Nodes = append(g.Nodes, topology.Node{
			ID: "workload/default/" + service + "-" + version, Kind: topology.Workload, Name: service + "-" + version, Namespace: "default", Service: service,
			Version: version, Identity: "spiffe://cluster.local/ns/default/sa/bookinfo-" + service, Instances: 1, Proxies: 1, In: in, Out: out,
		})
		return &g.Nodes[len(g.Nodes)-1]
	}
	workload("productpage", "v1", Rates(20, 0, 80), Rates(40, 0, 60))
	workload("details", "v1", Rates(20, 0, 4), topology.Rates{})
	workload("reviews", "v1", Rates(2, 0, 22), topology.Rates{})
	workload("reviews", "v2", Rates(6, 0.02, 41), Rates(6, 0.02, 12))
	v3 := workload("reviews", "v3", Rates(12, 0.1, 1200), Rates(12, 0.08, 12))
	v3.Findings = []topology.Finding{{Code: "IST0101", Level: "warning", Message: "referenced host not found"}}
	v3.Stale = 1
	ratings := workload("ratings", "v1", Rates(18, 0.06, 12), topology.Rates{})
	ratings.Proxies, ratings.Instances = 1, 2
	mongo := workload("mongodb", "v1", topology.Rates{}, topology.Rates{})
	mongo.Proxies, mongo.In = 0, topology.Rates{Sent: number(900), Received: number(12000), Connections: number(3)}
	g.Nodes = append(g.Nodes,
		topology.Node{ID: "gateway/istio-system/istio-ingressgateway", Kind: topology.Gateway, Name: "istio-ingressgateway", Namespace: "istio-system", Instances: 1, Proxies: 1, In: Rates(20, 0, 90), Out: Rates(20, 0, 85)},
		topology.Node{ID: "external//api.example.com", Kind: topology.External, Name: "api.example.com", In: Rates(0.4, 0, 210)},
		topology.Node{ID: "unmeshed//unknown", Kind: topology.Unmeshed, Name: "unknown", Out: Rates(20, 0, 90)},
	)
	edge := func(from, to string, security topology.Security, r topology.Rates) *topology.Edge {
		g.Edges = append(g.Edges, topology.Edge{From: id(from), To: id(to), Protocol: topology.HTTP, Security: security, Rates: r})
		return &g.Edges[len(g.Edges)-1]
	}
	edge("unknown", "gateway", topology.Plaintext, Rates(20, 0, 90)).Why = "the caller has no sidecar"
	edge("gateway", "productpage-v1", topology.MutualTLS, Rates(20, 0, 80))
	edge("productpage-v1", "details-v1", topology.MutualTLS, Rates(20, 0, 4)).Badges = []topology.Badge{topology.Fault, topology.Timeout}
	for i, share := range []float64{0.1, 0.3, 0.6} {
		version := fmt.Sprintf("reviews-v%d", i+1)
		e := edge("productpage-v1", version, topology.MutualTLS, Rates(20*share, []float64{0, 0.02, 0.1}[i], []float64{22, 41, 1200}[i]))
		e.Split = &topology.Split{Configured: share, Observed: share - 0.01, Origin: "VirtualService default/reviews"}
		e.Badges = []topology.Badge{topology.CircuitBreaker}
	}
	edge("reviews-v2", "ratings-v1", topology.MutualTLS, Rates(6, 0.02, 12))
	edge("reviews-v3", "ratings-v1", topology.MutualTLS, Rates(12, 0.08, 12)).Badges = []topology.Badge{topology.Retried, topology.Ejected}
	mongoEdge := edge("ratings-v1", "mongodb-v1", topology.Plaintext, mongo.In)
	mongoEdge.Protocol, mongoEdge.Why = topology.TCP, "no sidecar"
	edge("details-v1", "api.example.com", topology.UnknownSecurity, Rates(0.4, 0, 210))
	return Sorted(g)
}

func number(v float64) *float64 { return &v }

func id(name string) string {
	switch name {
	case "gateway":
		return "gateway/istio-system/istio-ingressgateway"
	case "unknown":
		return "unmeshed//unknown"
	case "api.example.com":
		return "external//api.example.com"
	}
	return "workload/default/" + name
}

// Sorted puts nodes and edges into the order that graphs have.
func Sorted(g topology.Graph) topology.Graph {
	slices.SortFunc(g.Nodes, func(a, b topology.Node) int { return strings.Compare(a.ID, b.ID) })
	slices.SortFunc(g.Edges, func(a, b topology.Edge) int { return strings.Compare(a.From+"\x00"+a.To, b.From+"\x00"+b.To) })
	return g
}

// Large is a mesh of tiers that call the next ones, with a few services that everybody calls and a few calls back. The same numbers give the
// same graph.
func Large(nodes, edges int) topology.Graph {
	r := new(random)
	g := topology.Graph{Time: Time, Window: time.Minute, Proxies: nodes}
	for i := range nodes {
		service := fmt.Sprintf("service-%03d", i/2)
		version := fmt.Sprintf("v%d", i%2+1)
		g.Nodes = append(g.Nodes, topology.Node{
			ID: fmt.Sprintf("workload/ns-%02d/%s-%s", i*20/nodes, service, version), Kind: topology.Workload, Name: service + "-" + version,
			Namespace: fmt.Sprintf("ns-%02d", i*20/nodes), Service: service, Version: version, Instances: 2, Proxies: 2, In: Rates(r.share()*1000, 0.01*r.share(), 200*r.share()),
		})
	}
	seen := map[[2]int]bool{}
	for len(g.Edges) < edges {
		from := r.below(nodes)
		to := min(from+1+r.below(nodes/5+1), nodes-1)
		switch r.below(50) {
		case 0:
			from, to = to, from
		case 1, 2, 3, 4, 5:
			to = nodes - 1 - r.below(10)
		}
		if seen[[2]int{from, to}] {
			continue
		}
		seen[[2]int{from, to}] = true
		g.Edges = append(g.Edges, topology.Edge{
			From: g.Nodes[from].ID, To: g.Nodes[to].ID, Protocol: topology.HTTP, Security: topology.MutualTLS, Rates: Rates(r.share()*100, 0.05*r.share()*r.share(), 200*r.share()),
		})
	}
	return Sorted(g)
}

// random is a linear congruential generator (Knuth's MMIX): numbers that are the same everywhere.
type random uint64

func (r *random) next() uint64 {
	*r = *r*6364136223846793005 + 1442695040888963407
	return uint64(*r >> 33)
}

func (r *random) below(n int) int { return int(r.next() % uint64(n)) }

func (r *random) share() float64 { return float64(r.next()) / (1 << 31) }
