package tap

import (
	"context"
	"strings"
	"time"

	"github.com/meshctl/meshctl/internal/agent/admin"
	"github.com/meshctl/meshctl/internal/agentapi"
	"github.com/meshctl/meshctl/pkg/tap"
)

const (
	// gather is how long requests wait for others before they are sent.
	gather = 100 * time.Millisecond
	// weigh is how often it is decided what share of the requests the proxy should report: twice as long as they wait in the proxy.
	weigh = 500 * time.Millisecond
	// again is how soon a failed change is tried again.
	again = time.Second
	// plenty is how many requests a second a proxy should report at most: more than anybody can read, and some percent of a processor. Who
	// wants to be shown many, has proxies report generous times as many.
	plenty   = 500
	generous = 5
	// maxBatch bounds the requests of one message.
	maxBatch = 128
)

// sampling is what the running Envoy was told.
type sampling struct {
	pid, percent int
	problem      string
	// tried is when a change failed.
	tried time.Time
}

// Run has the proxy report what taps want until ctx ends.
func (c *Collector) Run(ctx context.Context) {
	tick := time.NewTicker(gather)
	defer tick.Stop()
	var now sampling
	share := 100 // of what is wanted, of each hundred requests
	looked := time.Now()
	var next *agentapi.Tapped
	for {
		pid, client, changed := c.o.Envoy()
		if now.pid != pid {
			now = sampling{pid: pid} // a new Envoy reports nothing
		}
		percent := c.percent(share)
		if pid != 0 && client.Address != "" && now.percent != percent && time.Since(now.tried) >= again {
			now = now.set(ctx, client, percent)
			c.announce()
		}
		var send chan<- *agentapi.Tapped
		if percent == 0 && now.percent == 0 {
			next, share = nil, 100
			tick.Stop()
		} else {
			if next == nil {
				next = c.gathered(now)
			}
			if next != nil {
				send = c.reports
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
			tick.Reset(gather)
		case <-changed:
		case send <- next:
			next = nil
		case <-tick.C:
			if since := time.Since(looked); since >= weigh {
				share, looked = adapt(share, c.reported(since), c.most()), time.Now()
			}
		}
	}
}

// set tells Envoy a percentage.
func (s sampling) set(ctx context.Context, client admin.Client, percent int) sampling {
	if err := client.SetRuntime(ctx, tap.RuntimeKey, percent); err != nil {
		s.problem, s.tried = strings.ToValidUTF8(err.Error(), "?"), time.Now()
		return s
	}
	return sampling{pid: s.pid, percent: percent}
}

// percent is what to tell Envoy when a share of what taps want is enough.
func (c *Collector) percent(share int) int {
	wanted := c.wanted()
	if wanted == 0 {
		return 0
	}
	return max(1, wanted*share/100)
}

// announce has the next message say how sampling goes, even when there are no requests.
func (c *Collector) announce() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.news = len(c.taps) > 0
}

// reported is how many requests a second the proxy has reported since the last look.
func (c *Collector) reported(since time.Duration) float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	seen := c.seen
	c.seen = 0
	return float64(seen) / since.Seconds()
}

// most is how many requests a second the proxy should report at most.
func (c *Collector) most() float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	most := plenty
	for _, t := range c.taps {
		most = max(most, generous*t.rate)
	}
	return float64(most)
}

// adapt is the share of requests to ask for next: less when there are too many, more again when there are few.
func adapt(share int, rate, most float64) int {
	switch {
	case rate > most:
		return max(1, int(float64(share)*most/rate))
	case rate < most/2:
		return min(100, share*2)
	}
	return share
}

// gathered is the next message, nil when there is nothing to say.
func (c *Collector) gathered(now sampling) *agentapi.Tapped {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := &agentapi.Tapped{Sample: uint32(now.percent), Problem: now.problem}
	settled := now.percent > 0 || now.problem != ""
	n := min(len(c.pending), maxBatch)
	m.Requests, c.pending = c.pending[:n:n], c.pending[n:]
	for _, t := range c.taps {
		if t.dropped > 0 {
			if m.Dropped == nil {
				m.Dropped = map[uint64]uint64{}
			}
			m.Dropped[t.id], t.dropped = t.dropped, 0
		}
	}
	if n == 0 && m.Dropped == nil && (!c.news || !settled) {
		return nil
	}
	if settled {
		c.news = false
	}
	return m
}
