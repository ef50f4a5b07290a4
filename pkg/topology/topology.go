// Package topology is the traffic of a mesh as a graph: who calls whom, how much, how fast, what fails and what is encrypted. It is the one
// model that tables, pictures and the terminal interface show; it knows neither proxies nor terminals.
package topology

import (
	"cmp"
	"slices"
	"time"
)

// Kind is what a node stands for.
type Kind string

// The kinds of node.
const (
	Workload Kind = "workload" // pods of one Deployment, StatefulSet, ..., or a process of the standalone mesh
	Gateway  Kind = "gateway"  // a workload whose proxies are gateways
	Service  Kind = "service"  // a host of which no endpoint is known, or whose workloads are collapsed
	External Kind = "external" // a host outside of the mesh: of a ServiceEntry, or passed through
	Unmeshed Kind = "unmeshed" // callers without a proxy, or whoever could not be told
	// NamespaceKind stands for all of a namespace (see Collapse).
	NamespaceKind Kind = "namespace"
)

// Graph is the traffic of a mesh over a window of time. Nodes are sorted by ID; edges by From, To and Protocol.
type Graph struct {
	// Time is the end of the window.
	Time   time.Time     `json:"time"`
	Window time.Duration `json:"window"`
	Nodes  []Node        `json:"nodes"`
	Edges  []Edge        `json:"edges"`
	// Proxies counts those that were asked; Silent names those that did not answer, with the reason.
	Proxies int      `json:"proxies"`
	Silent  []Silent `json:"silent,omitempty"`
	// Findings are what analysis reports that concerns none of the nodes, worst first.
	Findings []Finding `json:"findings,omitempty"`
	// Unjudged says why findings of analysis are not there or not all there; empty when they are.
	Unjudged string `json:"unjudged,omitempty"`
	// Plan is set where edges of a planned change are laid over today's (see pkg/dashboard/planned).
	Plan *Plan `json:"plan,omitempty"`
}

// Silent is a proxy whose numbers are missing from the graph.
type Silent struct {
	Proxy  string `json:"proxy"`
	Reason string `json:"reason"`
}

// Node is one workload, or whatever else takes part in traffic.
type Node struct {
	// ID is the same in every graph: KIND/NAMESPACE/NAME.
	ID        string `json:"id"`
	Kind      Kind   `json:"kind"`
	Name      string `json:"name"`
	Namespace string `json:"namespace,omitempty"`
	// Service groups the versions of one service: its host, or the canonical name of the workload; Version is the canonical revision.
	Service string `json:"service,omitempty"`
	Version string `json:"version,omitempty"`
	// Identity is the SPIFFE id of the workload.
	Identity string `json:"identity,omitempty"`
	// Instances is how many endpoints there are, Proxies how many of them have a sidecar.
	Instances int `json:"instances"`
	Proxies   int `json:"proxies"`
	// Restarts counts how often they began anew, proxy or agent, since the viewer looked first.
	Restarts int `json:"restarts,omitempty"`
	// Stale and Rejected count proxies whose configuration is not the one wanted.
	Stale    int `json:"stale,omitempty"`
	Rejected int `json:"rejected,omitempty"`
	// Findings are the codes that analysis reports for the workload or its service, worst first.
	Findings []Finding `json:"findings,omitempty"`
	// Planned is Added for what only a planned change would let take part.
	Planned Planned `json:"planned,omitempty"`
	// In is what the node receives, Out what it sends.
	In  Rates `json:"in"`
	Out Rates `json:"out"`
}

// Finding is a diagnostic of pkg/analyze, short enough for a badge.
type Finding struct {
	Code    string `json:"code"`
	Level   string `json:"level"` // error, warning, info
	Message string `json:"message"`
}

// WorstFirst orders findings: errors, warnings, the rest; then by code.
func WorstFirst(a, b Finding) int {
	rank := func(f Finding) int { return slices.Index([]string{"warning", "error"}, f.Level) }
	return cmp.Or(rank(b)-rank(a), cmp.Compare(a.Code, b.Code))
}

// Protocol is how an edge's traffic is counted.
type Protocol string

// The protocols of edges.
const (
	HTTP Protocol = "http"
	GRPC Protocol = "grpc"
	TCP  Protocol = "tcp"
)

// Security says whether an edge is encrypted and both ends authenticated.
type Security string

// The states of an edge's security.
const (
	MutualTLS       Security = "mtls"
	Plaintext       Security = "plaintext"
	PartlyMTLS      Security = "mixed" // some of its connections
	UnknownSecurity Security = "unknown"
)

// Edge is the traffic from one node to another.
type Edge struct {
	From     string   `json:"from"`
	To       string   `json:"to"`
	Protocol Protocol `json:"protocol"`
	// Host and Port are what the caller asked for: "reviews.default.svc.cluster.local", 9080.
	Host     string   `json:"host,omitempty"`
	Port     uint32   `json:"port,omitempty"`
	Security Security `json:"security"`
	// Why says why an edge is not secured: "no sidecar", "PeerAuthentication default/x is DISABLE", ...; empty for mutual TLS.
	Why   string `json:"why,omitempty"`
	Rates Rates  `json:"rates"`
	// Split is set where a route divides traffic by weight.
	Split *Split `json:"split,omitempty"`
	// Badges name what configuration does to the edge.
	Badges []Badge `json:"badges,omitempty"`
	// Planned says what a planned change would do to the edge; Change how, nil when it does nothing.
	Planned Planned `json:"planned,omitempty"`
	Change  *Change `json:"change,omitempty"`
}

// Wrong reports whether an operator should look at an edge: requests fail, endpoints are ejected, it is not all encrypted, or what it leads to
// refuses its configuration. That node may be nil.
func (e Edge) Wrong(to *Node) bool {
	share, _ := e.Rates.ErrorShare()
	return share >= 0.001 || slices.Contains(e.Badges, Ejected) || e.Security == Plaintext || e.Security == PartlyMTLS || to != nil && to.Rejected > 0
}

// Split compares what a route says with what happens: shares of 1 of what the edge's caller asks of a host.
type Split struct {
	Host       string  `json:"host,omitempty"` // "reviews.default.svc.cluster.local"
	Configured float64 `json:"configured"`
	Observed   float64 `json:"observed"`
	Origin     string  `json:"origin,omitempty"` // the VirtualService or HTTPRoute: "VirtualService default/reviews"
}

// Badge marks an edge.
type Badge string

// The badges.
const (
	CircuitBreaker Badge = "circuit-breaker"
	Ejected        Badge = "ejected" // outlier detection has taken out endpoints
	Fault          Badge = "fault"
	Mirror         Badge = "mirror"
	Retried        Badge = "retries"
	Timeout        Badge = "timeout"
)

// Rates are numbers over the graph's window. A number that could not be measured is absent: nil, never zero.
type Rates struct {
	// Requests and Errors are per second. An error is a response of 5xx, a gRPC status other than OK where it is known, or none at all.
	Requests *float64 `json:"requests,omitempty"`
	Errors   *float64 `json:"errors,omitempty"`
	// P50, P95 and P99 are in milliseconds, from histograms.
	P50 *float64 `json:"p50,omitempty"`
	P95 *float64 `json:"p95,omitempty"`
	P99 *float64 `json:"p99,omitempty"`
	// Sent and Received are bytes per second as the caller sees them.
	Sent     *float64 `json:"sent,omitempty"`
	Received *float64 `json:"received,omitempty"`
	// Connections are those open at the end of the window; Opened is how many were opened per second.
	Connections *float64 `json:"connections,omitempty"`
	Opened      *float64 `json:"opened,omitempty"`
	// Retries are per second; Ejections are endpoints taken out at the end of the window.
	Retries   *float64 `json:"retries,omitempty"`
	Ejections *float64 `json:"ejections,omitempty"`
}

// ErrorShare is the part of requests that failed, from 0 to 1; ok is false without any request.
func (r Rates) ErrorShare() (share float64, ok bool) {
	if !shown(r.Requests) || !shown(r.Errors) || *r.Requests <= 0 {
		return 0, false
	}
	return min(*r.Errors / *r.Requests, 1), true
}
