// Package traffichub asks the agents what their proxies have counted when somebody wants to know, and says who stands behind what they name.
// While nobody asks it does nothing.
package traffichub

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/meshctl/meshctl/internal/adminapi"
	"github.com/meshctl/meshctl/internal/agentapi"
	"github.com/meshctl/meshctl/internal/registry"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/pkg/traffic"
	"github.com/meshctl/meshctl/pkg/traffic/sample"
)

const (
	// shared is how old a sample may be that several viewers share.
	shared = 800 * time.Millisecond
	// patience is how long agents may take to answer. Nobody waits for those that have taken longer, until one of them answers in time.
	patience = 2 * time.Second
	// idle is how long after the last look what was heard is forgotten.
	idle = time.Minute
)

// Options are the parts of a Hub.
type Options struct {
	Snapshot func() *mesh.Snapshot
	// Sessions returns the registered proxies, Proxies the state of their configuration.
	Sessions func() []registry.Session
	Proxies  func() []adminapi.Proxy
	// Problems is what is wrong with the configuration.
	Problems func() []config.Problem
	// Sample asks the agent of a proxy; see registry.Registry.
	Sample func(nodeID string, q *agentapi.Sample) bool
}

// Hub is one for all viewers of a control plane. Its methods may be called from any goroutine.
type Hub struct {
	o Options

	mu      sync.Mutex
	next    uint64
	proxies map[string]*proxy // by node id
	scopes  map[string]*scope // by namespace
	known   *known
	forget  *time.Timer
	looked  time.Time // when somebody did last
	closed  bool
}

// New returns a Hub.
func New(o Options) *Hub {
	// Ids differ from those of a control plane before, which agents may still answer.
	return &Hub{o: o, next: uint64(time.Now().UnixNano()), proxies: map[string]*proxy{}, scopes: map[string]*scope{}}
}

// Report asks all proxies, and waits for their answers for a limited time. With a namespace it asks those of the namespace and those that they
// exchange traffic with, and every four seconds all to find out who these are; the report has only these.
func (h *Hub) Report(ctx context.Context, namespace string) (traffic.Report, error) {
	sessions := h.o.Sessions()
	asked, all, waiting := h.ask(sessions, namespace)
	timer := time.NewTimer(patience)
	defer timer.Stop()
	late := false
	for _, answered := range waiting {
		select {
		case <-ctx.Done():
			return traffic.Report{}, ctx.Err()
		case <-answered:
			continue
		default:
		}
		if late {
			continue
		}
		select {
		case <-ctx.Done():
			return traffic.Report{}, ctx.Err()
		case <-answered:
		case <-timer.C:
			late = true
		}
	}
	r := h.report(sessions, asked)
	if all && namespace != "" {
		r = h.narrow(namespace, r)
	}
	return r, nil
}

// used puts off that everything is forgotten; the mutex is held.
func (h *Hub) used(now time.Time) {
	h.looked = now
	switch {
	case h.closed:
	case h.forget == nil:
		h.forget = time.AfterFunc(idle, h.rest)
	default:
		h.forget.Reset(idle)
	}
}

// rest forgets everything unless somebody has looked while the timer fired.
func (h *Hub) rest() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if time.Since(h.looked) < idle {
		return
	}
	for _, p := range h.proxies {
		p.settle()
	}
	h.proxies, h.scopes, h.known = map[string]*proxy{}, map[string]*scope{}, nil
}

// Close ends the hub's timer. Who looks afterwards still gets a report.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	if h.forget != nil {
		h.forget.Stop()
	}
}

// report is what those said that were asked; sessions are all.
func (h *Hub) report(sessions, asked []registry.Session) traffic.Report {
	h.mu.Lock()
	now := time.Now()
	r := traffic.Report{Time: now, Addresses: map[string]traffic.Address{}}
	if snapshot := h.o.Snapshot(); !h.known.isOf(snapshot, sessions) {
		h.known = newKnown(snapshot, sessions)
	}
	k := h.known
	type answer struct {
		session registry.Session
		sample  sample.Sample
	}
	var answers []answer
	for _, s := range asked {
		id := s.Proxy.Name + "." + s.Proxy.Namespace
		p := h.proxies[s.Proxy.NodeID]
		switch {
		case !s.Connected:
			r.Silent = append(r.Silent, topology.Silent{Proxy: id, Reason: "its agent is not connected"})
		case p == nil || now.Sub(p.at) > patience+shared:
			r.Silent = append(r.Silent, topology.Silent{Proxy: id, Reason: "its agent (" + s.AgentVersion + ") did not answer in time"})
		case p.problem != "":
			r.Silent = append(r.Silent, topology.Silent{Proxy: id, Reason: p.problem})
		default:
			answers = append(answers, answer{s, p.sample})
		}
	}
	h.mu.Unlock()
	r.Nodes = k.nodes(h.o.Proxies(), h.o.Problems())
	externals := map[string]topology.Node{}
	for _, a := range answers {
		r.Proxies = append(r.Proxies, k.describe(a.session, a.sample, r.Addresses, externals))
	}
	for _, n := range externals {
		if !slices.ContainsFunc(r.Nodes, func(o topology.Node) bool { return o.ID == n.ID }) {
			r.Nodes = append(r.Nodes, n)
		}
	}
	slices.SortFunc(r.Nodes, func(a, b topology.Node) int { return strings.Compare(a.ID, b.ID) })
	return r
}
