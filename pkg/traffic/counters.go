package traffic

import "github.com/meshctl/meshctl/pkg/traffic/sample"

// counters are what an edge or a node has done since the viewer began to look. They only grow, whatever happens to the proxies' own, so that
// the difference of two moments is never negative.
type counters struct {
	requests, errors, opened uint64
	sent, received, retries  uint64
	latency                  []sample.Bucket
	// shared says that bytes and retries belong to several edges and cannot be told apart.
	shared bool
	// timed says that latencies are counted: the protocol is HTTP or one upon it.
	timed bool
}

// plus is the sum; both stay as they are.
func (c counters) plus(d counters) counters {
	c.requests += d.requests
	c.errors += d.errors
	c.opened += d.opened
	c.sent += d.sent
	c.received += d.received
	c.retries += d.retries
	c.latency = add(append([]sample.Bucket(nil), c.latency...), d.latency)
	c.shared = c.shared || d.shared
	c.timed = c.timed || d.timed
	return c
}

// minus is what was added since before.
func (c counters) minus(before counters) counters {
	c.requests -= before.requests
	c.errors -= before.errors
	c.opened -= before.opened
	c.sent -= before.sent
	c.received -= before.received
	c.retries -= before.retries
	c.latency = since(before.latency, c.latency)
	return c
}

func (c counters) empty() bool {
	return c.requests == 0 && c.opened == 0 && c.sent == 0 && c.received == 0
}

// grown is how much a counter of a proxy has grown: one that is smaller than before began again at zero.
func grown(before, after uint64) uint64 {
	if after < before {
		return after
	}
	return after - before
}
