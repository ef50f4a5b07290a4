package traffic

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/meshctl/meshctl/pkg/topology"
)

// Graph is the traffic of the last window, or of the time since the first round when that is shorter; Graph.Window says which.
func (h *History) Graph(window time.Duration) topology.Graph {
	base, span := h.window(window)
	b := builder{h: h, span: span, nodes: map[string]*topology.Node{}, ends: map[string]*traffic{}}
	g := topology.Graph{Time: h.total.time, Window: span}
	for _, p := range h.round.Proxies {
		g.Proxies++
		if p.Problem != "" {
			g.Silent = append(g.Silent, topology.Silent{Proxy: p.Proxy, Reason: p.Problem})
		}
	}
	for i := range h.round.Nodes {
		n := h.round.Nodes[i]
		b.nodes[n.ID] = &n
	}
	if span > 0 {
		for key, now := range h.total.edges {
			b.edge(key, now.minus(base.edges[key]))
		}
	}
	for id, n := range b.nodes {
		b.rates(n, h.total.nodes[id].minus(base.nodes[id]))
	}
	b.shares()
	for _, n := range b.nodes {
		g.Nodes = append(g.Nodes, *n)
	}
	g.Edges = b.edges
	slices.SortFunc(g.Nodes, func(a, b topology.Node) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(g.Edges, func(a, b topology.Edge) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Host, b.Host), cmp.Compare(a.Port, b.Port))
	})
	slices.SortFunc(g.Silent, func(a, b topology.Silent) int { return cmp.Compare(a.Proxy, b.Proxy) })
	return g
}

type builder struct {
	h     *History
	span  time.Duration
	nodes map[string]*topology.Node
	edges []topology.Edge
	keys  []edgeKey           // as edges
	ends  map[string]*traffic // by node
}

// traffic is that of all edges of a node.
type traffic struct {
	in, out counters
	active  float64
}

func (b *builder) end(id string) *traffic {
	if b.ends[id] == nil {
		b.ends[id] = &traffic{}
	}
	return b.ends[id]
}

// edge adds one that had traffic in the window, or has connections now.
func (b *builder) edge(key edgeKey, d counters) {
	gauge := b.h.gauges[key]
	if d.empty() && gauge.active == 0 {
		return
	}
	from, to := b.node(key.from), b.node(key.to)
	e := topology.Edge{From: key.from, To: key.to, Protocol: topology.HTTP, Host: key.host, Port: key.port, Rates: b.of(d)}
	if !d.timed {
		e.Protocol = topology.TCP
		e.Rates.Requests, e.Rates.Errors = nil, nil
	}
	e.Rates.Connections, e.Rates.Ejections = &gauge.active, &gauge.ejected
	e.Security, e.Why = security(from, to, gauge)
	e.Badges = slices.Clone(b.h.round.Marks[key.host])
	if d.retries > 0 && !slices.Contains(e.Badges, topology.Retried) {
		e.Badges = append(e.Badges, topology.Retried)
	}
	if gauge.ejected > 0 {
		e.Badges = append(e.Badges, topology.Ejected)
	}
	b.edges, b.keys = append(b.edges, e), append(b.keys, key)
	source, target := b.end(key.from), b.end(key.to)
	source.out, target.in = source.out.plus(d), target.in.plus(d)
	target.active += gauge.active
}

// node is that of an id; what the control plane does not know is outside of the mesh.
func (b *builder) node(id string) *topology.Node {
	n := b.nodes[id]
	if n == nil {
		kind, rest, _ := strings.Cut(id, "/")
		namespace, name, _ := strings.Cut(rest, "/")
		if name == "" {
			name = "passthrough"
		}
		n = &topology.Node{ID: id, Kind: topology.Kind(kind), Namespace: namespace, Name: name, Service: name}
		b.nodes[id] = n
	}
	return n
}

// security is how an edge is encrypted, by what its connections have done.
func security(from, to *topology.Node, g gauge) (topology.Security, string) {
	switch {
	case from.Kind == topology.Unmeshed:
		return topology.Plaintext, "the caller has no sidecar"
	case g.opened == 0:
		return topology.UnknownSecurity, ""
	case to.Kind == topology.External && g.handshakes > 0:
		return topology.UnknownSecurity, "TLS to a host outside of the mesh"
	case g.handshakes == 0 && to.Kind == topology.External:
		return topology.Plaintext, "the host is outside of the mesh"
	case g.handshakes == 0 && to.Proxies == 0:
		return topology.Plaintext, "the destination has no sidecar"
	case g.handshakes == 0:
		return topology.Plaintext, "a PeerAuthentication or DestinationRule turns mutual TLS off"
	case g.handshakes < g.opened/2 && to.Proxies < to.Instances:
		return topology.PartlyMTLS, "some of the destination's instances have no sidecar"
	}
	return topology.MutualTLS, ""
}

// rates gives a node what it receives, as its own proxies have counted it, and what it sends.
func (b *builder) rates(n *topology.Node, in counters) {
	ends := b.ends[n.ID]
	if ends == nil {
		ends = &traffic{}
	}
	n.Out = b.of(ends.out)
	switch {
	case n.Kind == topology.Gateway: // what comes in is what is passed on
		n.In = n.Out
	case n.Proxies > 0 && in.requests+in.opened > 0:
		n.In = b.of(in)
	default:
		n.In = b.of(ends.in)
	}
	n.In.Connections = &ends.active
}

// of makes rates out of counters.
func (b *builder) of(d counters) topology.Rates {
	if b.span <= 0 {
		return topology.Rates{}
	}
	per := func(v uint64) *float64 {
		rate := float64(v) / b.span.Seconds()
		return &rate
	}
	r := topology.Rates{Requests: per(d.requests), Errors: per(min(d.errors, d.requests)), Opened: per(d.opened)}
	if !d.shared {
		r.Sent, r.Received, r.Retries = per(d.sent), per(d.received), per(d.retries)
	}
	for _, q := range []struct {
		to *(*float64)
		at float64
	}{{&r.P50, 0.5}, {&r.P95, 0.95}, {&r.P99, 0.99}} {
		if v, ok := quantile(q.at, d.latency); ok {
			*q.to = &v
		}
	}
	return r
}
