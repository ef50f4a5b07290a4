// Package tap shows single requests of the agent's proxy to whoever asks for them through the control plane. While nobody does, the proxy
// reports nothing and nothing here runs.
package tap

import (
	"encoding/json"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/meshctl/meshctl/internal/agent/admin"
	"github.com/meshctl/meshctl/internal/agentapi"
	"github.com/meshctl/meshctl/pkg/tap"
)

const (
	// maxPending bounds the requests that wait to be sent to the control plane.
	maxPending = 1024
	// maxTaps bounds how many look at a time.
	maxTaps = 64
)

// Options of a Collector.
type Options struct {
	// Envoy returns the process of the running Envoy, 0 while there is none, the client of its admin interface, and a channel that closes
	// when one of them changes.
	Envoy func() (pid int, client admin.Client, changed <-chan struct{})
	// Log may be nil.
	Log *slog.Logger
}

// Collector has the proxy report requests while there are taps, and keeps those that they want until they are sent. It is also the
// service to which the proxy reports.
type Collector struct {
	o Options
	// streams counts the streams that Envoy has opened.
	streams atomic.Int64
	reports chan *agentapi.Tapped
	wake    chan struct{}

	mu      sync.Mutex
	taps    []*one
	pending []*agentapi.TappedRequest
	// seen counts what the proxy has reported since it was last looked at.
	seen int
	// news means that the taps have changed since the last message.
	news bool
}

// one is a tap.
type one struct {
	id      uint64
	filter  tap.Filter
	sample  int
	rate    int
	bucket  tap.Bucket
	dropped uint64
}

// New returns a Collector; Run makes it work.
func New(o Options) *Collector {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Collector{o: o, reports: make(chan *agentapi.Tapped), wake: make(chan struct{}, 1)}
}

// Reports is where the messages for the control plane come from.
func (c *Collector) Reports() <-chan *agentapi.Tapped { return c.reports }

// Set replaces the taps. What is known of those that stay, stays.
func (c *Collector) Set(taps []*agentapi.Tap) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := map[uint64]*one{}
	for _, t := range c.taps {
		before[t.id] = t
	}
	c.taps = nil
	for _, t := range taps {
		if len(c.taps) == maxTaps {
			c.o.Log.Warn("too many look at requests of this proxy: some are not served", "most", maxTaps)
			break
		}
		rate := int(min(max(t.GetRate(), 1), tap.MaxRate))
		next := &one{id: t.GetId(), sample: int(min(max(t.GetSample(), 1), 100)), rate: rate, bucket: tap.NewBucket(rate)}
		if err := json.Unmarshal([]byte(t.GetFilterJson()), &next.filter); err != nil {
			c.o.Log.Warn("the control plane asks for requests in a way that this agent does not understand", "error", err)
			continue
		}
		if old := before[next.id]; old != nil {
			next.bucket, next.dropped = old.bucket, old.dropped
		}
		c.taps = append(c.taps, next)
	}
	if c.news = true; len(c.taps) == 0 {
		c.pending, c.news = nil, false
	}
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *Collector) active() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.taps) > 0
}

// wanted is the percentage of requests that taps ask for.
func (c *Collector) wanted() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	most := 0
	for _, t := range c.taps {
		most = max(most, t.sample)
	}
	return most
}

// count notes n reported requests and says whether anybody wants any.
func (c *Collector) count(n int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen += n
	return len(c.taps) > 0
}

// keep keeps an event for the taps that want it, without its secrets.
func (c *Collector) keep(e *tap.Event) {
	e.Redact()
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	var wanted []uint64
	for _, t := range c.taps {
		if !t.filter.Match(e) {
			continue
		}
		if len(c.pending) == maxPending || !t.bucket.Take(now) {
			t.dropped++
			continue
		}
		wanted = append(wanted, t.id)
	}
	if len(wanted) == 0 {
		return
	}
	encoded, err := json.Marshal(e)
	if err != nil { // no event is of such a kind
		c.o.Log.Warn("a request cannot be shown", "error", err)
		return
	}
	c.pending = append(c.pending, &agentapi.TappedRequest{EventJson: encoded, Taps: wanted})
}
