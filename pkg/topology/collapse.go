package topology

import (
	"cmp"
	"slices"
)

// Level is how much of a graph is one node.
type Level int

// The levels, from near to far.
const (
	ByWorkload  Level = iota // the graph as it is
	ByService                // all versions of a service are one
	ByNamespace              // all of a namespace is one
)

// Next is what follows in a round through all levels.
func (l Level) Next() Level { return (l + 1) % (ByNamespace + 1) }

// Collapse makes one node of all workloads of a service, or of a namespace, and one edge of all that go from one node to another by one protocol.
// What comes from or goes to elsewhere stays as it is. Rates are sums of what the parts have, without the
// traffic within the node; percentiles cannot be added up and are those of the slowest part. An edge within a node goes with its ends.
func Collapse(g Graph, l Level) Graph { return Folds{Level: l}.Apply(g) }

// Apply collapses each part of a graph as far as the folds say, see Collapse.
func (f Folds) Apply(g Graph) Graph {
	if f.Level == ByWorkload && len(f.own) == 0 {
		return g
	}
	c := collapsed{folds: f, nodes: map[string]*Node{}, edges: map[[3]string]*Edge{}, now: map[string]string{}}
	for _, n := range g.Nodes {
		c.node(n)
	}
	for _, e := range g.Edges {
		c.edge(e)
	}
	g.Nodes, g.Edges = nil, nil
	for _, n := range c.nodes {
		g.Nodes = append(g.Nodes, *n)
	}
	for _, e := range c.edges {
		g.Edges = append(g.Edges, *e)
	}
	slices.SortFunc(g.Nodes, func(a, b Node) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(g.Edges, func(a, b Edge) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), cmp.Compare(a.Protocol, b.Protocol))
	})
	return g
}

type collapsed struct {
	folds Folds
	nodes map[string]*Node
	edges map[[3]string]*Edge
	now   map[string]string // id before: id after
}

// group is the node that a node becomes a part of.
func (c *collapsed) group(n Node) Node {
	level := c.folds.level(n.Namespace, n.Service)
	switch {
	case n.Kind == External || n.Kind == Unmeshed || n.Namespace == "" || level == ByWorkload:
		return n
	case level == ByNamespace:
		return Node{ID: namespaceID(n.Namespace), Kind: NamespaceKind, Name: n.Namespace}
	case n.Service == "":
		return n
	}
	return Node{ID: serviceID(n), Kind: n.Kind, Name: n.Service, Namespace: n.Namespace, Service: n.Service, Identity: n.Identity}
}

func (c *collapsed) node(n Node) {
	group := c.group(n)
	c.now[n.ID] = group.ID
	whole := c.nodes[group.ID]
	if whole == nil {
		group.Instances, group.Proxies, group.Stale, group.Rejected, group.Restarts = n.Instances, n.Proxies, n.Stale, n.Rejected, n.Restarts
		group.Planned, group.Findings, group.In, group.Out = n.Planned, slices.Clone(n.Findings), n.In, n.Out
		c.nodes[group.ID] = &group
		return
	}
	if whole.Identity != n.Identity {
		whole.Identity = ""
	}
	whole.Instances += n.Instances
	whole.Proxies += n.Proxies
	whole.Stale += n.Stale
	whole.Rejected += n.Rejected
	whole.Restarts += n.Restarts
	for _, f := range n.Findings {
		if !slices.Contains(whole.Findings, f) {
			whole.Findings = append(whole.Findings, f)
		}
	}
	slices.SortStableFunc(whole.Findings, WorstFirst)
	if whole.Planned != n.Planned {
		whole.Planned = Unchanged
	}
	whole.In, whole.Out = together(whole.In, n.In), together(whole.Out, n.Out)
}

func (c *collapsed) edge(e Edge) {
	from, to := c.now[e.From], c.now[e.To]
	if from == "" || to == "" {
		return
	}
	if from == to {
		c.within(e)
		return
	}
	key := [3]string{from, to, string(e.Protocol)}
	whole := c.edges[key]
	if whole == nil {
		if e.From != from || e.To != to {
			e.Split, e.Change = nil, nil
			if e.Planned == Reweighted {
				e.Planned = Unchanged // within a service shares move from one version to another
			}
		}
		e.From, e.To = from, to
		e.Badges = slices.Clone(e.Badges)
		c.edges[key] = &e
		return
	}
	if whole.Host != e.Host || whole.Port != e.Port {
		whole.Host, whole.Port = "", 0
	}
	switch {
	case whole.Security == e.Security, e.Security == UnknownSecurity:
	case whole.Security == UnknownSecurity: // of no connection, such as an edge that a change would make
		whole.Security = e.Security
	default:
		whole.Security = PartlyMTLS
	}
	whole.Why = cmp.Or(whole.Why, e.Why)
	whole.Rates = together(whole.Rates, e.Rates)
	for _, b := range e.Badges {
		if !slices.Contains(whole.Badges, b) {
			whole.Badges = append(whole.Badges, b)
		}
	}
	if whole.Planned != e.Planned {
		whole.Planned = Unchanged
	}
	whole.Split, whole.Change = nil, nil
}

// within takes the traffic of an edge out of what its node receives and sends: that is said of the node as seen from elsewhere. The two
// sides of an edge never count exactly the same, so that it stops at zero,
// and what only rounding leaves is nothing.
func (c *collapsed) within(e Edge) {
	node := c.nodes[c.now[e.From]]
	if node == nil || node.ID == e.From {
		return // it calls itself
	}
	less := func(x, y float64) float64 {
		if x-y < 1e-9*x {
			return 0
		}
		return x - y
	}
	for _, r := range []*Rates{&node.In, &node.Out} {
		for _, v := range [][2]**float64{{&r.Requests, &e.Rates.Requests}, {&r.Errors, &e.Rates.Errors}, {&r.Sent, &e.Rates.Sent}, {&r.Received, &e.Rates.Received}} {
			if *v[0] != nil && *v[1] != nil {
				*v[0] = joined(*v[0], *v[1], less)
			}
		}
	}
}

// together adds up two rates.
func together(a, b Rates) Rates {
	sum := func(x, y float64) float64 { return x + y }
	most := func(x, y float64) float64 { return max(x, y) }
	return Rates{
		Requests: joined(a.Requests, b.Requests, sum), Errors: joined(a.Errors, b.Errors, sum),
		P50: joined(a.P50, b.P50, most), P95: joined(a.P95, b.P95, most), P99: joined(a.P99, b.P99, most),
		Sent: joined(a.Sent, b.Sent, sum), Received: joined(a.Received, b.Received, sum),
		Connections: joined(a.Connections, b.Connections, sum), Opened: joined(a.Opened, b.Opened, sum),
		Retries: joined(a.Retries, b.Retries, sum), Ejections: joined(a.Ejections, b.Ejections, sum),
	}
}

// joined is the other number where one is absent: a part without requests, such as a database, has none to add.
func joined(a, b *float64, join func(x, y float64) float64) *float64 {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	v := join(*a, *b)
	return &v
}
