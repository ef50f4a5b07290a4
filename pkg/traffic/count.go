package traffic

import "github.com/meshctl/meshctl/pkg/traffic/sample"

type hostKey struct{ cluster, address string }

// count adds what a proxy has counted since its sample before.
func (h *History) count(to moment, p *ProxySample, before *sample.Sample) {
	hosts := make(map[hostKey]sample.Host, len(before.Hosts))
	for _, host := range before.Hosts {
		hosts[hostKey{host.Cluster, host.Address}] = host
	}
	edges := map[string]map[edgeKey]bool{} // of each cluster
	in := counters{}
	for _, host := range p.Sample.Hosts {
		was := hosts[hostKey{host.Cluster, host.Address}]
		d := counters{requests: grown(was.Requests, host.Requests), errors: grown(was.Errors, host.Errors), opened: grown(was.Opened, host.Opened)}
		if name, _ := parseName(host.Cluster); name.inbound {
			in = in.plus(d)
			continue
		}
		key := h.place(host.Cluster, host.Address)
		if key.to == "" {
			continue
		}
		key.from = p.Node
		to.edges[key] = to.edges[key].plus(d)
		if edges[host.Cluster] == nil {
			edges[host.Cluster] = map[edgeKey]bool{}
		}
		edges[host.Cluster][key] = true
	}
	h.countClusters(to, p, before, edges, &in)
	to.nodes[p.Node] = to.nodes[p.Node].plus(in)
	h.countUnmeshed(to, p, before)
	h.countAborted(to, p, before)
}

// countClusters adds what is counted for all endpoints of a cluster together. Latencies stand for each of them.
func (h *History) countClusters(to moment, p *ProxySample, before *sample.Sample, edges map[string]map[edgeKey]bool, in *counters) {
	was := make(map[string]sample.Cluster, len(before.Clusters))
	for _, c := range before.Clusters {
		was[c.Name] = c
	}
	for _, c := range p.Sample.Clusters {
		b := was[c.Name]
		latency := since(b.Latency, c.Latency)
		if latency == nil {
			latency = c.Latency // it began again
		}
		d := counters{sent: grown(b.Sent, c.Sent), received: grown(b.Received, c.Received), retries: grown(b.Retries, c.Retries), latency: latency, timed: len(c.Latency) > 0}
		if name, _ := parseName(c.Name); name.inbound {
			*in = in.plus(d)
			continue
		}
		if len(edges[c.Name]) > 1 {
			d.sent, d.received, d.retries, d.shared = 0, 0, 0, true
		}
		for key := range edges[c.Name] {
			to.edges[key] = to.edges[key].plus(d)
		}
	}
}

// unmeshedID is the node of all callers without a proxy.
const unmeshedID = "unmeshed//unmeshed"

// countUnmeshed notes connections that others opened without TLS: callers without a proxy. How many requests they send is only known when
// nobody else calls.
func (h *History) countUnmeshed(to moment, p *ProxySample, before *sample.Sample) {
	plain := grown(before.Accepted, p.Sample.Accepted) - min(grown(before.Accepted, p.Sample.Accepted), grown(before.AcceptedTLS, p.Sample.AcceptedTLS))
	if plain == 0 {
		return
	}
	key := edgeKey{from: unmeshedID, to: p.Node}
	to.edges[key] = to.edges[key].plus(counters{opened: plain})
}

// countAborted adds the requests that an injected fault has answered, where only one host has faults: they fail, and nobody gets them.
func (h *History) countAborted(to moment, p *ProxySample, before *sample.Sample) {
	aborted := grown(before.Aborted, p.Sample.Aborted)
	if host, only := h.faulty(); aborted > 0 && only {
		key := edgeKey{from: p.Node, to: serviceID(host), host: host}
		to.edges[key] = to.edges[key].plus(counters{requests: aborted, errors: aborted, timed: true})
	}
}

// measure notes what is so now of a proxy's edges.
func (h *History) measure(p *ProxySample) {
	handshakes := map[string]uint64{}
	opened := map[string]uint64{}
	for _, c := range p.Sample.Clusters {
		handshakes[c.Name] = c.Handshakes
	}
	for _, host := range p.Sample.Hosts {
		opened[host.Cluster] += host.Opened
	}
	for _, host := range p.Sample.Hosts {
		key := h.place(host.Cluster, host.Address)
		name, _ := parseName(host.Cluster)
		if key.to == "" || name.inbound {
			continue
		}
		key.from = p.Node
		g := h.gauges[key]
		g.active += float64(host.Active)
		if host.Ejected {
			g.ejected++
		}
		g.handshakes += handshakes[host.Cluster]
		g.opened += opened[host.Cluster]
		g.clusters = append(g.clusters, host.Cluster)
		h.gauges[key] = g
	}
}
