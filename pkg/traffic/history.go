package traffic

import (
	"slices"
	"time"

	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/pkg/traffic/sample"
)

// History is what a viewer remembers of the rounds, up to half an hour. It is not safe for concurrent use.
//
// Memory is bounded: moments are kept the sparser the older they are, about sixty in all, each with the counters of every edge and node.
type History struct {
	last    map[string]*sample.Sample // the newest of each proxy
	total   moment
	moments []moment // oldest first
	round   Round    // the newest
	gauges  map[edgeKey]gauge
}

// moment is all counters at a time. Its maps are not changed once it is in a history.
type moment struct {
	time  time.Time
	edges map[edgeKey]counters
	nodes map[string]counters
}

type edgeKey struct {
	from, to, host string
	port           uint32
}

// gauge is what is so now.
type gauge struct {
	active, ejected float64
	handshakes      uint64
	opened          uint64 // of the clusters, since their start
	clusters        []string
}

// Longest is how far back a history goes.
const Longest = 30 * time.Minute

// NewHistory returns one without any round.
func NewHistory() *History {
	return &History{last: map[string]*sample.Sample{}, total: moment{edges: map[edgeKey]counters{}, nodes: map[string]counters{}}}
}

// Add takes the next round. The first one of a proxy only says where its counters stand.
func (h *History) Add(r Round) {
	next := moment{time: r.Time, edges: clone(h.total.edges), nodes: clone(h.total.nodes)}
	h.round, h.gauges = r, map[edgeKey]gauge{}
	seen := map[string]bool{}
	for i := range r.Proxies {
		p := &r.Proxies[i]
		if p.Sample == nil {
			continue
		}
		seen[p.Proxy] = true
		before := h.last[p.Proxy]
		h.last[p.Proxy] = p.Sample
		h.measure(p)
		if before == nil {
			continue
		}
		if before.Epoch != p.Sample.Epoch {
			before = &sample.Sample{} // all that it has counted, it has counted since
		}
		h.count(next, p, before)
	}
	for proxy := range h.last {
		if !seen[proxy] && !slices.ContainsFunc(r.Proxies, func(p ProxySample) bool { return p.Proxy == proxy }) {
			delete(h.last, proxy) // it is gone; one that only does not answer is not
		}
	}
	h.total = next
	h.moments = thin(append(h.moments, next), r.Time)
}

func clone[K comparable](m map[K]counters) map[K]counters {
	out := make(map[K]counters, len(m))
	for k, v := range m {
		out[k] = v
	}
	return out
}

// spacing is how far apart moments of an age may be.
func spacing(age time.Duration) time.Duration {
	switch {
	case age <= 15*time.Second:
		return 0
	case age <= 90*time.Second:
		return 5 * time.Second
	case age <= 6*time.Minute:
		return 20 * time.Second
	}
	return time.Minute
}

// thin forgets moments that others stand close to, and those that are too old; one that is older than the longest window stays.
func thin(all []moment, now time.Time) []moment {
	var out []moment
	for i, m := range all {
		age := now.Sub(m.time)
		if len(out) > 0 && i+1 < len(all) && all[i+1].time.Sub(out[len(out)-1].time) < spacing(age) {
			continue
		}
		out = append(out, m)
	}
	for len(out) > 1 && now.Sub(out[1].time) >= Longest {
		out = out[1:]
	}
	return out
}

// window is the newest moment that is at least so long ago, or the oldest there is, and the time since then.
func (h *History) window(w time.Duration) (moment, time.Duration) {
	now := h.total.time
	i := len(h.moments) - 1
	for ; i > 0 && now.Sub(h.moments[i].time) < w; i-- {
	}
	if i < 0 {
		return moment{}, 0
	}
	return h.moments[i], now.Sub(h.moments[i].time)
}

// place is the node behind an address of a cluster, and the host that was asked for.
func (h *History) place(cluster, address string) edgeKey {
	name, ok := parseName(cluster)
	key := edgeKey{to: h.round.Places[address], host: name.host, port: name.port}
	switch {
	case key.to != "":
	case ok:
		key.to = externalID(name.host)
	case cluster == passthrough:
		key.to = externalID("")
	}
	return key
}

func externalID(host string) string { return string(topology.External) + "//" + host }
