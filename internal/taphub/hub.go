// Package taphub lets people look at single requests of the mesh: it tells the agents of the proxies concerned who wants to see what,
// completes what they report with who stands behind an address, and hands it to the viewers. While there is no viewer it does nothing.
package taphub

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/meshctl/meshctl/internal/adminapi"
	"github.com/meshctl/meshctl/internal/agentapi"
	"github.com/meshctl/meshctl/internal/registry"
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/tap"
)

const (
	// maxViewers bounds who looks at a time.
	maxViewers = 32
	// queue bounds what waits for one viewer.
	queue = 1024
	// refresh is how often it is looked which proxies there are, and how soon a change of a viewer's status is told.
	refresh = time.Second
)

// ErrTooMany is returned to one viewer too many.
var ErrTooMany = errors.New("too many look at requests already: end one of the others first")

// Options are the parts of a Hub.
type Options struct {
	// Snapshot returns the resolved mesh of now.
	Snapshot func() *mesh.Snapshot
	// Sessions returns the registered proxies.
	Sessions func() []registry.Session
	// Tap tells the agent of a proxy who looks; see registry.Registry.
	Tap func(nodeID string, taps *agentapi.Taps) bool
	// LoggedHeaders returns the request headers that proxies report besides the usual ones.
	LoggedHeaders func() []string
	Log           *slog.Logger
}

// Hub is one for all viewers of a control plane. Its methods may be called from any goroutine.
type Hub struct {
	o Options
	// watched is the number of viewers, for those who must not wait for the mutex.
	watched atomic.Int32

	mu      sync.Mutex
	viewers map[uint64]*viewer
	next    uint64
	index   *index
	// of is what the index was made from.
	of      *mesh.Snapshot
	proxies []registry.Session
}

// New returns a Hub.
func New(o Options) *Hub {
	// Ids differ from those of a control plane before, which agents may still answer.
	return &Hub{o: o, viewers: map[uint64]*viewer{}, next: uint64(time.Now().UnixNano())}
}

// Watch sends what r asks for to emit until ctx ends or emit fails. The first line is a Status. A mistake in r is an *adminapi.InputError.
func (h *Hub) Watch(ctx context.Context, r tap.Request, emit func(tap.Line) error) error {
	for _, match := range r.Filter.Headers {
		if !tap.Reportable(match.Name, h.o.LoggedHeaders()) {
			return &adminapi.InputError{Message: "proxies do not report the header " + match.Name + ": name it in additionalRequestHeadersToLog of an envoyHttpAls in the MeshConfig's extensionProviders"}
		}
	}
	v, err := h.enter(r)
	if err != nil {
		return err
	}
	defer h.leave(v)
	if err := h.look(v); err != nil {
		return err
	}
	return h.serve(ctx, v, emit)
}

func (h *Hub) serve(ctx context.Context, v *viewer, emit func(tap.Line) error) error {
	tick := time.NewTicker(refresh)
	defer tick.Stop()
	last := h.status(v, time.Now())
	last.Headers = tap.Headers(h.o.LoggedHeaders())
	if err := emit(tap.Line{Status: &last}); err != nil {
		return err
	}
	last.Headers = nil
	said := time.Now()
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-v.events:
			if err := emit(tap.Line{Event: e}); err != nil {
				return err
			}
		case <-v.changed:
		case now := <-tick.C:
			if err := h.look(v); err != nil {
				h.o.Log.Debug("nobody is looked at any more", "reason", err)
			}
			if s := h.status(v, now); !same(s, last) || now.Sub(said) >= heartbeat {
				last, said = s, now
				if err := emit(tap.Line{Status: &s}); err != nil {
					return err
				}
			}
			continue
		}
		if s := h.status(v, time.Now()); s.Reporting != last.Reporting { // which is what viewers wait for
			last, said = s, time.Now()
			if err := emit(tap.Line{Status: &s}); err != nil {
				return err
			}
		}
	}
}

func (h *Hub) enter(r tap.Request) (*viewer, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.viewers) == maxViewers {
		return nil, ErrTooMany
	}
	h.next++
	v := newViewer(h.next, r)
	h.viewers[v.id] = v
	h.watched.Store(int32(len(h.viewers)))
	return v, nil
}

// leave ends a viewer: the agents of its proxies are told at once.
func (h *Hub) leave(v *viewer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.viewers, v.id)
	h.watched.Store(int32(len(h.viewers)))
	if len(h.viewers) == 0 {
		h.index, h.of, h.proxies = nil, nil, nil
	}
	for nodeID := range v.proxies {
		h.tell(nodeID)
	}
}

// look finds the proxies that a viewer looks at now. That none fits is an *adminapi.InputError.
func (h *Hub) look(v *viewer) error {
	sessions := h.o.Sessions()
	h.mu.Lock()
	defer h.mu.Unlock()
	x := h.indexed(sessions)
	before := v.proxies
	v.plan, v.proxies = newPlan(v.request, x), map[string]*proxy{}
	known := x.knows(v.request)
	for _, s := range sessions {
		p := x.byInstance[s.Proxy.Namespace+"/"+s.Proxy.Name]
		if p == nil || !known || !s.Connected || !v.plan.looksAt(p.Member) {
			continue
		}
		node := before[s.Proxy.NodeID]
		if node == nil {
			node = newProxy(s, p, v.request.Rate, time.Now())
		}
		node.filter, node.party = v.plan.filter(s, p.Member), p
		v.proxies[s.Proxy.NodeID] = node
	}
	for nodeID := range before {
		if v.proxies[nodeID] == nil {
			h.tell(nodeID)
		}
	}
	for nodeID := range v.proxies {
		if before[nodeID] == nil {
			h.tell(nodeID)
		}
	}
	if len(v.proxies) == 0 {
		return &adminapi.InputError{Message: nothing(v.request, x)}
	}
	return nil
}

// indexed is called with the mutex held.
func (h *Hub) indexed(sessions []registry.Session) *index {
	if s := h.o.Snapshot(); h.index == nil || s != h.of || !registry.SameSessions(sessions, h.proxies) {
		h.index, h.of, h.proxies = newIndex(s, sessions), s, sessions
	}
	return h.index
}

// tell sends the agent of a proxy the list of its viewers. It is called with the mutex held.
func (h *Hub) tell(nodeID string) {
	taps := &agentapi.Taps{}
	for _, v := range h.viewers {
		p := v.proxies[nodeID]
		if p == nil {
			continue
		}
		filter, err := json.Marshal(p.filter)
		if err != nil { // no filter is of such a kind
			h.o.Log.Warn("a filter cannot be sent", "error", err)
			continue
		}
		taps.Taps = append(taps.Taps, &agentapi.Tap{
			Id: v.id, FilterJson: string(filter), Rate: uint32(v.request.Rate), Sample: uint32(v.request.Sample),
		})
	}
	h.o.Tap(nodeID, taps)
}

// Changed is told of proxies whose agent may have connected anew, which knows nobody then.
func (h *Hub) Changed(nodeID string) {
	if h.watched.Load() == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, v := range h.viewers {
		if v.proxies[nodeID] != nil {
			h.tell(nodeID)
			return
		}
	}
}
