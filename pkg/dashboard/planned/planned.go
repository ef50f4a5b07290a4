// Package planned lays a change of configuration over the graph of today's traffic: the edges that it would make, end, or give another share.
// Only sources that are known are judged: a workload's routes to the hosts that it calls today, and all routes of a gateway.
package planned

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/topology"
)

// Plan is a change. It may be laid over any number of graphs, from any goroutine.
type Plan struct {
	mu            sync.Mutex // of what the worlds remember
	before, after *world
	findings      []topology.Finding
}

// New compares the mesh as it is with the mesh as it would be. The findings are those that only the latter has.
func New(before, after *mesh.Snapshot, findings []topology.Finding) *Plan {
	return &Plan{before: newWorld(before), after: newWorld(after), findings: findings}
}

// Over returns the graph with the change laid over it, and Graph.Plan set.
func (p *Plan) Over(g topology.Graph) topology.Graph {
	p.mu.Lock()
	defer p.mu.Unlock()
	o := overlay{
		plan: p, nodes: map[string]int{}, fresh: map[string]topology.Node{},
		graph: topology.Graph{
			Time: g.Time, Window: g.Window, Proxies: g.Proxies, Silent: g.Silent, Nodes: slices.Clone(g.Nodes), Edges: slices.Clone(g.Edges),
			Findings: g.Findings, Unjudged: g.Unjudged, Plan: &topology.Plan{Findings: p.findings},
		},
	}
	calls := map[string][]call{}
	for i, n := range g.Nodes {
		o.nodes[n.ID] = i
	}
	for _, e := range g.Edges {
		c := call{e.Host, e.Port, e.To}
		if e.Host != "" && !slices.Contains(calls[e.From], c) {
			calls[e.From] = append(calls[e.From], c)
		}
	}
	for _, n := range g.Nodes {
		switch n.Kind {
		case topology.Gateway:
			o.compare(n.ID, p.before.serves(n), p.after.serves(n), "")
		case topology.Workload:
			for _, t := range p.targets(n, calls[n.ID]) {
				before, after := p.before.calls(n, t), p.after.calls(n, t)
				if t.guessed {
					before, after = additional(before, after)
				}
				o.compare(n.ID, before, after, t.host)
			}
		case topology.Service, topology.External, topology.Unmeshed, topology.NamespaceKind:
		}
	}
	return o.finish()
}

// call is traffic of today: what was asked for, and who answered.
type call struct {
	host string
	port uint32
	node string
}

// target is what a workload asks for.
type target struct {
	host string
	port uint32
	// guessed: today's traffic may have asked for another host that leads to the same workloads.
	guessed bool
}

// additional leaves of a comparison what comes, for some requests: what else leads to today's destinations may well stay.
func additional(before, after lots) (was, is lots) {
	was, is = lots{}, lots{}
	for id, l := range after {
		if _, there := before[id]; !there {
			l.some = true
			is[id] = l
		}
	}
	return was, is
}

// targets are the hosts that a workload calls today: those that its traffic names, and those all of whose routes lead to others which it names.
func (p *Plan) targets(n topology.Node, calls []call) []target {
	var out []target
	add := func(t target) {
		if !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	for _, c := range calls {
		add(target{host: c.host, port: c.port})
	}
	for _, c := range calls {
		for _, host := range p.before.elsewhere[c.host] {
			t := target{host, c.port, true}
			if lot, leads := p.before.calls(n, t)[c.node]; leads && lot.host == c.host {
				add(t)
			}
		}
	}
	return out
}

// overlay is a graph while a plan is laid over it.
type overlay struct {
	plan  *Plan
	graph topology.Graph
	nodes map[string]int // indices of today's nodes
	fresh map[string]topology.Node
}

// least is the difference of shares from which on they differ.
const least = 0.005

// compare marks what becomes of the edges from a node to those that a host leads to; without a host, to all of them.
func (o *overlay) compare(from string, before, after lots, host string) {
	before, after = o.named(before), o.named(after)
	for id, was := range before {
		if _, stays := after[id]; !stays {
			o.mark(from, id, topology.Removed, topology.Change{Before: share(was), Some: was.some, Origin: cmp.Or(after.origin(), was.origin)}, host, was.host)
		}
	}
	for id, is := range after {
		was, there := before[id]
		switch {
		case there && (math.Abs(was.share-is.share) < least && was.some == is.some):
		case there:
			o.mark(from, id, topology.Reweighted, topology.Change{Before: share(was), After: share(is), Some: is.some, Origin: is.origin}, host, is.host)
		default:
			change := topology.Change{After: share(is), Some: is.some, Origin: is.origin}
			if !o.mark(from, id, topology.Added, change, host, is.host) {
				o.add(from, is, change)
			}
		}
	}
}

// named gives gateways that answer the ids that today's graph has for them.
func (o *overlay) named(l lots) lots {
	out := lots{}
	for id, lot := range l {
		gateway := string(topology.Gateway) + strings.TrimPrefix(id, string(topology.Workload))
		if _, is := o.nodes[gateway]; is && lot.node.Kind == topology.Workload {
			id, lot.node.ID = gateway, gateway
		}
		out[id] = lot
	}
	return out
}

func share(l lot) *float64 { return &l.share }

// mark marks today's edges between two nodes, if there are any. One that the change would make anew and that is there today, through another
// host, only gets more.
func (o *overlay) mark(from, to string, planned topology.Planned, change topology.Change, hosts ...string) (found bool) {
	for i := range o.graph.Edges {
		e := &o.graph.Edges[i]
		if e.From != from || e.To != to || e.Planned == topology.Added {
			continue
		}
		found = true
		if hosts[0] != "" && e.Host != "" && !slices.Contains(hosts, e.Host) || e.Planned != topology.Unchanged {
			continue
		}
		e.Planned, e.Change = planned, &change
		if planned == topology.Added {
			e.Planned = topology.Reweighted
		}
	}
	return found
}

// add makes an edge, and its end where today's graph has none.
func (o *overlay) add(from string, l lot, change topology.Change) {
	id := l.node.ID
	if _, known := o.nodes[id]; !known {
		n := l.node
		n.Planned = topology.Added
		o.fresh[id] = n
	}
	e := topology.Edge{
		From: from, To: id, Protocol: l.protocol, Host: l.host, Port: l.port, Security: topology.UnknownSecurity, Planned: topology.Added, Change: &change,
	}
	if l.mirror {
		e.Badges = []topology.Badge{topology.Mirror}
	}
	if !slices.ContainsFunc(o.graph.Edges, func(x topology.Edge) bool { return x.From == from && x.To == id && x.Planned == topology.Added }) {
		o.graph.Edges = append(o.graph.Edges, e)
	}
}

func (o *overlay) finish() topology.Graph {
	g := o.graph
	for _, n := range o.fresh {
		g.Nodes = append(g.Nodes, n)
	}
	for _, e := range g.Edges {
		switch e.Planned {
		case topology.Added:
			g.Plan.Added++
		case topology.Removed:
			g.Plan.Removed++
		case topology.Reweighted:
			g.Plan.Reweighted++
		case topology.Unchanged:
		}
	}
	slices.SortFunc(g.Nodes, func(a, b topology.Node) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(g.Edges, func(a, b topology.Edge) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), cmp.Compare(a.Protocol, b.Protocol))
	})
	return g
}
