package taphub

import (
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/meshctl/meshctl/internal/registry"
	"github.com/meshctl/meshctl/pkg/tap"
)

const (
	// heartbeat is how often a viewer hears of us when there is nothing else to say.
	heartbeat = 5 * time.Second
	// patience is how long an agent may take to say that its proxy reports.
	patience = 3 * time.Second
)

// viewer is one who looks. The hub's mutex guards what is not said to be otherwise.
type viewer struct {
	id      uint64
	request tap.Request
	plan    plan
	proxies map[string]*proxy // by node id; the map is replaced, the values are not
	// events waits for the viewer; what finds no place is counted in dropped.
	events  chan *tap.Event
	changed chan struct{}
	dropped atomic.Uint64
}

// proxy is one that a viewer looks at.
type proxy struct {
	id     string
	party  *party
	filter tap.Filter
	bucket tap.Bucket
	since  time.Time
	// sample and problem are what its agent says.
	sample  int
	problem string
}

func newProxy(s registry.Session, p *party, rate int, now time.Time) *proxy {
	return &proxy{id: s.Proxy.Name + "." + s.Proxy.Namespace, party: p, bucket: tap.NewBucket(rate + rate/4 + 1), since: now}
}

func newViewer(id uint64, r tap.Request) *viewer {
	return &viewer{id: id, request: r, events: make(chan *tap.Event, queue), changed: make(chan struct{}, 1)}
}

// offer gives the viewer an event unless it is behind. It never waits.
func (v *viewer) offer(e *tap.Event) {
	select {
	case v.events <- e:
	default:
		v.dropped.Add(1)
	}
}

func (v *viewer) wake() {
	select {
	case v.changed <- struct{}{}:
	default:
	}
}

// status sums up the proxies.
func (h *Hub) status(v *viewer, now time.Time) tap.Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := tap.Status{Proxies: len(v.proxies), Dropped: v.dropped.Load(), Sample: v.request.Sample}
	for _, p := range v.proxies {
		switch {
		case p.problem != "":
			out.Silent = append(out.Silent, tap.Silent{Proxy: p.id, Reason: p.problem})
		case p.sample > 0:
			out.Reporting++
			out.Sample = min(out.Sample, p.sample)
		case now.Sub(p.since) > patience:
			out.Silent = append(out.Silent, tap.Silent{Proxy: p.id, Reason: "its agent does not answer; perhaps it is older than the control plane"})
		}
	}
	slices.SortFunc(out.Silent, func(a, b tap.Silent) int { return strings.Compare(a.Proxy, b.Proxy) })
	return out
}

func same(a, b tap.Status) bool {
	return a.Proxies == b.Proxies && a.Reporting == b.Reporting && a.Dropped == b.Dropped && a.Sample == b.Sample && slices.Equal(a.Silent, b.Silent)
}
