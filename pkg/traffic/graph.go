package traffic

import (
	"cmp"
	"slices"
	"time"

	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/pkg/traffic/sample"
)

// Graph is the traffic of the newest report over a window of time, or over the time since the first report where that is shorter; Graph.Window
// says which. With one report alone that is 0, and there are no rates. A proxy that has not answered for some seconds is among the silent, and its numbers are not part of the graph.
func (w *Window) Graph(window time.Duration) topology.Graph {
	b := builder{
		report: w.last, nodes: map[string]*node{}, edges: map[edgeKey]*edge{}, shares: map[shareKey]float64{}, sent: map[string]float64{},
	}
	for _, n := range w.last.Nodes {
		b.nodes[n.ID] = &node{Node: n}
	}
	var flows []flow
	for _, s := range w.proxies {
		if w.seen.Sub(s.heard) <= fresh && len(s.points) > 0 {
			flows = append(flows, s.flow(window))
		}
	}
	slices.SortFunc(flows, func(x, y flow) int { return cmp.Compare(x.proxy.ID, y.proxy.ID) })
	for _, f := range flows {
		b.outbound(f)
	}
	for _, f := range flows {
		b.inbound(f)
		b.callers(f)
	}
	g := topology.Graph{
		Time: w.last.Time, Window: min(window, w.seen.Sub(w.first)), Proxies: len(w.last.Proxies) + len(w.last.Silent), Silent: w.last.Silent,
	}
	g.Nodes, g.Edges = b.result()
	return g
}

// flow is what a proxy has counted within a window.
type flow struct {
	proxy    Proxy
	seconds  float64 // 0: there is one sample only, and what follows is all that was ever counted
	hosts    []sample.Host
	clusters map[string]sample.Cluster
	inbound  []sample.Inbound
	// plaintext: some client of the proxy came without TLS.
	plaintext bool
	restarts  int
}

func (s *series) flow(window time.Duration) flow {
	last := s.points[len(s.points)-1]
	f := flow{proxy: s.proxy, plaintext: s.plaintext, restarts: s.restarts}
	first, ok := s.since(window)
	if ok {
		f.seconds = last.Time.Sub(first.Time).Seconds()
		f.hosts, f.inbound = hosts.since(first.Hosts, last.Hosts), inbounds.since(first.Inbound, last.Inbound)
		f.clusters = byKey(clusters.since(first.Clusters, last.Clusters), clusterKey)
	} else {
		f.hosts, f.inbound, f.clusters = last.Hosts, last.Inbound, byKey(last.Clusters, clusterKey)
	}
	return f
}

// requests are HTTP requests; Envoy does not count those among a host's that its limits kept from being sent.
func requests(h sample.Host) uint64 { return max(h.Requests, h.Failed) }

type node struct {
	topology.Node
	in, out measure
	counted bool // in is what its own proxies say
}

type edgeKey struct {
	from, to string
	protocol topology.Protocol
}

type edge struct {
	measure
	unsent        measure // requests that were failed before they reached the node
	host          string
	port          uint32
	most          float64 // traffic of the cluster that host and port are of
	secure, plain float64
	why           string
	badges        map[topology.Badge]bool
	split         *Split
	splits        float64 // traffic of the route that split is of
}

// shareKey is a route that splits what a node asks of a host.
type shareKey struct{ from, host, route string }

func (s *Split) key(from string) shareKey { return shareKey{from, s.Host, s.Route} }

type builder struct {
	report Report
	nodes  map[string]*node
	edges  map[edgeKey]*edge
	shares map[shareKey]float64
	// sent is what known proxies send to the workload of a proxy, requests a second.
	sent map[string]float64
}

// node makes one where there is none of that id.
func (b *builder) node(id string, otherwise topology.Node) {
	if b.nodes[id] == nil {
		otherwise.ID = id
		b.nodes[id] = &node{Node: otherwise}
	}
}

func (b *builder) edge(from, to string, protocol topology.Protocol) *edge {
	k := edgeKey{from, to, cmp.Or(protocol, topology.HTTP)}
	e := b.edges[k]
	if e == nil {
		e = &edge{badges: map[topology.Badge]bool{}}
		b.edges[k] = e
	}
	return e
}

func (b *builder) result() ([]topology.Node, []topology.Edge) {
	edges, used := make([]topology.Edge, 0, len(b.edges)), map[string]bool{}
	for k, e := range b.edges {
		used[k.from], used[k.to] = true, true
		edges = append(edges, b.finish(k, e))
		if from := b.nodes[k.from]; from != nil {
			from.out.add(e.asked())
		}
		if to := b.nodes[k.to]; to != nil && !to.counted {
			to.in.add(e.measure)
		}
	}
	nodes := make([]topology.Node, 0, len(b.nodes))
	for id, n := range b.nodes {
		if (n.Kind == topology.Service || n.Kind == topology.External) && !used[id] {
			continue // its workloads stand for it
		}
		n.In, n.Out = n.in.rates(), n.out.rates()
		nodes = append(nodes, n.Node)
	}
	slices.SortFunc(nodes, func(x, y topology.Node) int { return cmp.Compare(x.ID, y.ID) })
	slices.SortFunc(edges, func(x, y topology.Edge) int {
		return cmp.Or(cmp.Compare(x.From, y.From), cmp.Compare(x.To, y.To), cmp.Compare(x.Protocol, y.Protocol))
	})
	return nodes, edges
}

// asked is what the caller of an edge sees of it, whether it was sent or not.
func (e *edge) asked() measure {
	m := e.measure
	m.add(e.unsent)
	return m
}

func (b *builder) finish(k edgeKey, e *edge) topology.Edge {
	asked := e.asked()
	out := topology.Edge{From: k.from, To: k.to, Protocol: k.protocol, Host: e.host, Port: e.port, Rates: asked.rates(), Security: topology.UnknownSecurity, Why: e.why}
	switch {
	case e.plain > 0 && e.secure > 0:
		out.Security = topology.PartlyMTLS
	case e.plain > 0:
		out.Security = topology.Plaintext
	case e.secure > 0:
		out.Security, out.Why = topology.MutualTLS, ""
	}
	for badge := range e.badges {
		out.Badges = append(out.Badges, badge)
	}
	slices.Sort(out.Badges)
	if s := e.split; s != nil {
		if total := b.shares[s.key(k.from)]; total > 0 {
			out.Split = &topology.Split{Host: s.Host, Configured: s.Share, Observed: min(1, e.splits/total), Origin: s.Origin}
		}
	}
	return out
}
