package traffic

import (
	"cmp"
	"slices"

	"github.com/meshctl/meshctl/pkg/traffic/sample"
)

// rise is by how much a counter has risen. One that fell began again at zero.
func rise(before, now uint64) uint64 {
	if now < before {
		return now
	}
	return now - before
}

func hostKey(h sample.Host) [2]string    { return [2]string{h.Cluster, h.Address} }
func clusterKey(c sample.Cluster) string { return c.Name }
func inboundKey(i sample.Inbound) [2]string {
	return [2]string{i.Name, map[bool]string{true: "tcp"}[i.TCP]}
}

// plus returns before + by of all counters; what is no counter is that of by.
func plusHost(before, by sample.Host) sample.Host {
	by.Requests, by.Failed = before.Requests+by.Requests, before.Failed+by.Failed
	by.Opened, by.Refused = before.Opened+by.Opened, before.Refused+by.Refused
	return by
}

func riseHost(before, now sample.Host) sample.Host {
	if now.Requests < before.Requests || now.Opened < before.Opened {
		return now // removed and added again, all counters begin anew
	}
	now.Requests, now.Failed = rise(before.Requests, now.Requests), rise(before.Failed, now.Failed)
	now.Opened, now.Refused = rise(before.Opened, now.Opened), rise(before.Refused, now.Refused)
	return now
}

// fillHost adds what an answer that was cut lacks of one that it names.
func fillHost(before, now sample.Host) sample.Host {
	now.Requests, now.Failed = cmp.Or(now.Requests, before.Requests), cmp.Or(now.Failed, before.Failed)
	now.Opened, now.Refused = cmp.Or(now.Opened, before.Opened), cmp.Or(now.Refused, before.Refused)
	return now
}

func plusCluster(before, by sample.Cluster) sample.Cluster {
	by.Retries, by.Homeless = before.Retries+by.Retries, before.Homeless+by.Homeless
	by.Sent, by.Received = before.Sent+by.Sent, before.Received+by.Received
	by.Handshakes, by.Aborted = before.Handshakes+by.Handshakes, before.Aborted+by.Aborted
	by.Latency = plusHistogram(before.Latency, by.Latency)
	return by
}

func riseCluster(before, now sample.Cluster) sample.Cluster {
	now.Retries, now.Homeless = rise(before.Retries, now.Retries), rise(before.Homeless, now.Homeless)
	now.Sent, now.Received = rise(before.Sent, now.Sent), rise(before.Received, now.Received)
	now.Handshakes, now.Aborted = rise(before.Handshakes, now.Handshakes), rise(before.Aborted, now.Aborted)
	now.Latency = riseHistogram(before.Latency, now.Latency)
	return now
}

func fillCluster(before, now sample.Cluster) sample.Cluster {
	now.Retries, now.Homeless = cmp.Or(now.Retries, before.Retries), cmp.Or(now.Homeless, before.Homeless)
	now.Sent, now.Received = cmp.Or(now.Sent, before.Sent), cmp.Or(now.Received, before.Received)
	now.Handshakes, now.Aborted = cmp.Or(now.Handshakes, before.Handshakes), cmp.Or(now.Aborted, before.Aborted)
	if len(now.Latency) == 0 {
		now.Latency = before.Latency
	}
	return now
}

func plusInbound(before, by sample.Inbound) sample.Inbound {
	by.Requests, by.Failed = before.Requests+by.Requests, before.Failed+by.Failed
	by.Opened, by.Encrypted = before.Opened+by.Opened, before.Encrypted+by.Encrypted
	by.Sent, by.Received = before.Sent+by.Sent, before.Received+by.Received
	by.Latency = plusHistogram(before.Latency, by.Latency)
	return by
}

func riseInbound(before, now sample.Inbound) sample.Inbound {
	now.Requests, now.Failed = rise(before.Requests, now.Requests), rise(before.Failed, now.Failed)
	now.Opened, now.Encrypted = rise(before.Opened, now.Opened), rise(before.Encrypted, now.Encrypted)
	now.Sent, now.Received = rise(before.Sent, now.Sent), rise(before.Received, now.Received)
	now.Latency = riseHistogram(before.Latency, now.Latency)
	return now
}

func fillInbound(before, now sample.Inbound) sample.Inbound {
	now.Requests, now.Failed = cmp.Or(now.Requests, before.Requests), cmp.Or(now.Failed, before.Failed)
	now.Opened, now.Encrypted = cmp.Or(now.Opened, before.Opened), cmp.Or(now.Encrypted, before.Encrypted)
	now.Sent, now.Received = cmp.Or(now.Sent, before.Sent), cmp.Or(now.Received, before.Received)
	if len(now.Latency) == 0 {
		now.Latency = before.Latency
	}
	return now
}

// advance returns the counters after sum (whose proxy last said raw) now that the proxy says now. What the proxy does not name any more stays
// for as long as oldest, the first sample kept, has less of it.
func advance(oldest, sum, raw, now sample.Sample) sample.Sample {
	if raw.Epoch != now.Epoch {
		raw = sample.Sample{}
	}
	out := now
	out.Hosts = advanceAll(hosts, oldest.Hosts, sum.Hosts, raw.Hosts, now.Hosts)
	out.Clusters = advanceAll(clusters, oldest.Clusters, sum.Clusters, raw.Clusters, now.Clusters)
	out.Inbound = advanceAll(inbounds, oldest.Inbound, sum.Inbound, raw.Inbound, now.Inbound)
	return out
}

// most is how many are kept of what a proxy does not name any more: one that calls ever new addresses must not fill the viewer's memory.
const most = 2000

// counted is how to calculate with what proxies count.
type counted[T any, K comparable] struct {
	key              func(T) K
	rise, plus, fill func(before, now T) T
	// gone is what is left of one that the proxy does not name any more; total grows whenever it is used.
	gone  func(T) T
	total func(T) uint64
}

var (
	hosts = counted[sample.Host, [2]string]{
		key: hostKey, rise: riseHost, plus: plusHost, fill: fillHost,
		gone: func(h sample.Host) sample.Host {
			h.Connections, h.Ejected = 0, false
			return h
		},
		total: func(h sample.Host) uint64 { return h.Requests + h.Failed + h.Opened + h.Refused },
	}
	clusters = counted[sample.Cluster, string]{
		key: clusterKey, rise: riseCluster, plus: plusCluster, fill: fillCluster,
		gone: func(c sample.Cluster) sample.Cluster { return c },
		total: func(c sample.Cluster) uint64 {
			return c.Retries + c.Homeless + c.Aborted + c.Sent + c.Received + c.Handshakes
		},
	}
	inbounds = counted[sample.Inbound, [2]string]{
		key: inboundKey, rise: riseInbound, plus: plusInbound, fill: fillInbound,
		gone: func(i sample.Inbound) sample.Inbound {
			i.Connections = 0
			return i
		},
		total: func(i sample.Inbound) uint64 { return i.Requests + i.Opened },
	}
)

func advanceAll[T any, K comparable](c counted[T, K], oldest, sum, raw, now []T) []T {
	sums, raws, first := byKey(sum, c.key), byKey(raw, c.key), byKey(oldest, c.key)
	out := make([]T, 0, len(now))
	for _, n := range now {
		k := c.key(n)
		out = append(out, c.plus(sums[k], c.rise(raws[k], n)))
		delete(sums, k)
	}
	room := cap(out) + most
	for _, s := range sum {
		k := c.key(s)
		if _, left := sums[k]; !left || len(out) == room {
			continue
		}
		if before, whole := first[k]; whole && c.total(before) == c.total(s) {
			continue // no window has any of it
		}
		out = append(out, c.gone(s))
	}
	return out
}

// since is what was counted between two samples.
func (c counted[T, K]) since(first, last []T) []T {
	before := byKey(first, c.key)
	out := make([]T, 0, len(last))
	for _, l := range last {
		out = append(out, c.rise(before[c.key(l)], l))
	}
	return out
}

// complete adds to an answer that was cut what only the sample before has, so that it does not look like new when it comes back.
func complete(now, before sample.Sample) sample.Sample {
	now.Hosts = hosts.complete(before.Hosts, now.Hosts)
	now.Clusters = clusters.complete(before.Clusters, now.Clusters)
	now.Inbound = inbounds.complete(before.Inbound, now.Inbound)
	return now
}

func (c counted[T, K]) complete(before, now []T) []T {
	known := byKey(before, c.key)
	out := make([]T, 0, len(now))
	for _, n := range now {
		k := c.key(n)
		out = append(out, c.fill(known[k], n))
		delete(known, k)
	}
	room := cap(out) + most
	for _, b := range before {
		if _, missing := known[c.key(b)]; missing && len(out) < room {
			out = append(out, b)
		}
	}
	return out
}

func byKey[T any, K comparable](list []T, key func(T) K) map[K]T {
	out := make(map[K]T, len(list))
	for _, v := range list {
		out[key(v)] = v
	}
	return out
}

func plusHistogram(a, b sample.Histogram) sample.Histogram {
	if len(b) == 0 {
		return a
	}
	out := slices.Clone(a)
	for _, bin := range b {
		i, found := slices.BinarySearchFunc(out, bin, func(x, y sample.Bin) int { return cmp.Compare(x.Lower, y.Lower) })
		if found {
			out[i].Count += bin.Count
		} else {
			out = slices.Insert(out, i, bin)
		}
	}
	return out
}

func riseHistogram(before, now sample.Histogram) sample.Histogram {
	counts := map[float64]uint64{}
	for _, b := range before {
		counts[b.Lower] = b.Count
	}
	var out sample.Histogram
	for _, b := range now {
		if b.Count = rise(counts[b.Lower], b.Count); b.Count > 0 {
			out = append(out, b)
		}
	}
	return out
}
