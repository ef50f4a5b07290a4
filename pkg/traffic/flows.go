package traffic

import (
	"cmp"
	"strings"

	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/pkg/traffic/sample"
)

// The nodes of callers that no proxy reports.
const (
	outsideNode = "unmeshed//clients"
	unknownNode = "unmeshed//unknown"
)

// outbound adds the edges from a proxy's node.
func (b *builder) outbound(f flow) {
	targets := map[string]map[*edge]bool{} // by cluster
	for _, h := range f.hosts {
		known := f.proxy.Clusters[h.Cluster]
		idle := requests(h)+h.Opened+h.Refused+h.Connections == 0
		if idle || h.Cluster == "BlackHoleCluster" {
			continue
		}
		address, found := b.report.Addresses[h.Address]
		to := address.Node
		if !found {
			to = b.elsewhere(h, known)
		}
		e := b.edge(f.proxy.Node, to, known.Protocol)
		m := f.measureHost(h, known.Protocol != topology.TCP)
		e.add(m)
		b.describe(f, e, known, weight(m))
		e.secureBy(known, address, found, weight(m))
		if h.Ejected {
			e.badges[topology.Ejected] = true
		}
		if address.Proxy != "" {
			b.sent[address.Proxy] += m.requests
		}
		if requests(h)+h.Opened == 0 && known.Protocol != topology.TCP {
			continue // nothing of what the cluster counts is of an idle host
		}
		if targets[h.Cluster] == nil {
			targets[h.Cluster] = map[*edge]bool{}
		}
		targets[h.Cluster][e] = true
	}
	b.outboundClusters(f, targets)
}

// outboundClusters adds what Envoy counts by cluster only to the edges of its hosts.
func (b *builder) outboundClusters(f flow, targets map[string]map[*edge]bool) {
	for name, c := range f.clusters {
		known := f.proxy.Clusters[name]
		for e := range targets[name] {
			m := measure{latency: c.Latency}
			if len(targets[name]) > 1 {
				m.noBytes = true // they cannot be divided
			} else if f.seconds > 0 {
				m.bytes, m.sent, m.received = true, float64(c.Sent)/f.seconds, float64(c.Received)/f.seconds
				m.retries = float64(c.Retries) / f.seconds
			}
			e.add(m)
		}
		if c.Homeless > 0 && known.Node != "" && f.seconds > 0 {
			e := b.edge(f.proxy.Node, known.Node, known.Protocol)
			lost := float64(c.Homeless) / f.seconds
			e.add(measure{http: known.Protocol != topology.TCP, timed: true, requests: lost, errors: lost})
			b.describe(f, e, known, lost)
			e.why = "no endpoint is left"
		}
		if c.Aborted > 0 && f.seconds > 0 {
			b.aborted(f, known, float64(c.Aborted)/f.seconds)
		}
	}
}

// aborted adds requests that were failed on purpose and sent nowhere. They are shown where they would have gone: to the service itself when that
// has several workloads. What an unknown cluster was meant for is counted as the caller's only.
func (b *builder) aborted(f flow, known Cluster, rate float64) {
	m := measure{http: true, timed: true, requests: rate, errors: rate}
	to := cmp.Or(known.Workload, known.Node)
	if to == "" {
		if n := b.nodes[f.proxy.Node]; n != nil {
			n.out.add(m)
		}
		return
	}
	known.Split = nil // of what arrives
	e := b.edge(f.proxy.Node, to, known.Protocol)
	e.unsent.add(m)
	b.describe(f, e, known, rate)
	e.badges[topology.Fault] = true
}

// elsewhere is the node of an address that nobody knows.
func (b *builder) elsewhere(h sample.Host, known Cluster) string {
	if known.Node != "" {
		return known.Node
	}
	id := "external//" + h.Address
	b.node(id, topology.Node{Kind: topology.External, Name: h.Address})
	return id
}

func (f flow) measureHost(h sample.Host, http bool) measure {
	m := measure{http: http, connections: float64(h.Connections)}
	if h.Ejected {
		m.ejected = 1
	}
	if f.seconds > 0 {
		m.timed = true
		m.requests, m.errors = float64(requests(h))/f.seconds, float64(h.Failed)/f.seconds
		m.opened = float64(h.Opened) / f.seconds
	}
	return m
}

// weight says which of several sources of an edge counts most.
func weight(m measure) float64 { return m.requests + m.opened + m.connections/1e6 }

// describe says of an edge what is known of a cluster whose traffic it has.
func (b *builder) describe(f flow, e *edge, known Cluster, weight float64) {
	if e.host == "" || weight > e.most {
		e.host, e.port, e.most = known.Host, known.Port, weight
	}
	for _, badge := range known.Badges {
		e.badges[badge] = true
	}
	if known.Split == nil {
		return
	}
	b.shares[known.Split.key(f.proxy.Node)] += weight
	switch {
	case e.split != nil && *e.split == *known.Split:
		e.splits += weight
	case e.split == nil || weight > e.splits:
		e.split, e.splits = known.Split, weight
	}
}

func (e *edge) secureBy(known Cluster, address Address, found bool, weight float64) {
	weight = max(weight, 1e-9)
	why := known.Plaintext
	switch {
	case why != "":
	case !found:
		why = "not part of the mesh"
	case !address.MutualTLS:
		why = address.Why
	default:
		e.secure += weight
		return
	}
	e.plain += weight
	e.why = why
}

// inbound adds what a proxy takes to its node.
func (b *builder) inbound(f flow) {
	n := b.nodes[f.proxy.Node]
	if n == nil {
		return
	}
	n.Restarts += f.restarts
	for _, i := range f.inbound {
		if strings.HasPrefix(i.Name, "inbound") != f.proxy.Gateway {
			n.in.add(f.measureInbound(i))
			n.counted = true
		}
	}
}

func (f flow) measureInbound(i sample.Inbound) measure {
	m := measure{http: !i.TCP && i.Requests > 0, connections: float64(i.Connections), latency: i.Latency}
	if f.seconds > 0 {
		m.timed, m.bytes = true, true
		m.requests, m.errors, m.opened = float64(i.Requests)/f.seconds, float64(i.Failed)/f.seconds, float64(i.Opened)/f.seconds
		m.sent, m.received = float64(i.Received)/f.seconds, float64(i.Sent)/f.seconds // as the caller sees it
	}
	return m
}

// callers adds the edge from those who call a proxy's workload and are not known: clients of gateways, and programs without a sidecar.
func (b *builder) callers(f flow) {
	var all measure
	encrypted := false
	for _, i := range f.inbound {
		if i.TCP || strings.HasPrefix(i.Name, "inbound") == f.proxy.Gateway {
			continue
		}
		all.add(f.measureInbound(i))
		encrypted = encrypted || i.Encrypted > 0
	}
	if f.proxy.Gateway {
		if all.requests+all.opened+all.connections == 0 {
			return
		}
		b.node(outsideNode, topology.Node{Kind: topology.Unmeshed, Name: "clients"})
		e := b.edge(outsideNode, f.proxy.Node, topology.HTTP)
		e.add(all)
		if e.why = "clients from outside of the mesh"; !encrypted {
			e.plain++
		}
		return
	}
	// Samples of two proxies are not of the same moment: small differences say nothing.
	others := all.requests - b.sent[f.proxy.ID]
	if !f.plaintext || others < 0.2 || others < all.requests/20 {
		return
	}
	b.node(unknownNode, topology.Node{Kind: topology.Unmeshed, Name: "unknown"})
	e := b.edge(unknownNode, f.proxy.Node, topology.HTTP)
	share := others / all.requests
	e.add(measure{http: true, timed: true, requests: others, errors: all.errors * share, noBytes: true, latency: nil})
	e.plain++
	e.why = "no sidecar"
}
