// Package traffichub asks the agents what their proxies have counted when somebody wants to know, and says who stands behind what they name.
// While nobody asks it does nothing.
package traffichub

import (
	"context"
	"encoding/json"
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
	// patience is how long agents may take to answer; impatience holds for those that did not answer last time.
	patience   = 2 * time.Second
	impatience = 300 * time.Millisecond
	// idle is when what was heard is forgotten.
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
}

// proxy is what was heard of one.
type proxy struct {
	question uint64        // the one that waits for an answer, 0 for none
	answered chan struct{} // closed with the answer
	asked    time.Time

	at      time.Time
	sample  sample.Sample
	problem string
	silent  bool // did not answer last time
}

// New returns a Hub.
func New(o Options) *Hub {
	// Ids differ from those of a control plane before, which agents may still answer.
	return &Hub{o: o, next: uint64(time.Now().UnixNano()), proxies: map[string]*proxy{}, scopes: map[string]*scope{}}
}

// Report asks all proxies, and waits for their answers for a limited time. With a namespace it asks those of the namespace and those that they
// exchange traffic with, and every four seconds all.
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
		h.learn(namespace, r)
	}
	return r, nil
}

// ask asks those that a viewer needs and whose last sample is too old; it returns whom the viewer needs, whether that is everybody, and what to
// wait for. Those that did not answer last time are not waited for long.
func (h *Hub) ask(sessions []registry.Session, namespace string) (needed []registry.Session, all bool, waiting []<-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	h.used()
	needed, all = h.needed(sessions, namespace, now)
	for _, s := range needed {
		if !s.Connected {
			continue
		}
		p := h.proxies[s.Proxy.NodeID]
		if p == nil {
			p = &proxy{}
			h.proxies[s.Proxy.NodeID] = p
		}
		if now.Sub(p.at) < shared {
			continue
		}
		if p.question == 0 || now.Sub(p.asked) > patience {
			if p.question != 0 {
				p.silent = true // and whoever waited for it has given up
			} else {
				p.answered = make(chan struct{})
			}
			h.next++
			p.question, p.asked = h.next, now
			if !h.o.Sample(s.Proxy.NodeID, &agentapi.Sample{Id: p.question}) {
				continue
			}
		}
		if !p.silent {
			waiting = append(waiting, p.answered)
		}
	}
	return needed, all, waiting
}

// used puts off that everything is forgotten; the mutex is held.
func (h *Hub) used() {
	if h.forget != nil {
		h.forget.Stop()
	}
	h.forget = time.AfterFunc(idle, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.proxies, h.scopes, h.known = map[string]*proxy{}, map[string]*scope{}, nil
	})
}

// Close ends the hub's timer.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.forget != nil {
		h.forget.Stop()
	}
}

// Sampled is told what an agent answers.
func (h *Hub) Sampled(nodeID string, m *agentapi.Sampled) {
	var s sample.Sample
	problem := strings.ToValidUTF8(m.GetProblem(), "?")
	problem = problem[:min(len(problem), 500)]
	if problem == "" {
		if err := json.Unmarshal(m.GetSampleJson(), &s); err != nil {
			problem = "its agent's answer cannot be read"
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.proxies[nodeID]
	if p == nil || p.question == 0 || p.question != m.GetId() {
		return
	}
	p.sample, p.problem, p.at, p.question, p.silent = s, problem, time.Now(), 0, false
	close(p.answered)
}

// report is what those said that were asked; sessions are all.
func (h *Hub) report(sessions, asked []registry.Session) traffic.Report {
	h.mu.Lock()
	now := time.Now()
	r := traffic.Report{Time: now, Addresses: map[string]traffic.Address{}}
	if snapshot := h.o.Snapshot(); h.known == nil || h.known.snapshot != snapshot || len(sessions) != h.known.sessions {
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
