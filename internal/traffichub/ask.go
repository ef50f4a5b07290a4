package traffichub

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/meshctl/meshctl/internal/agentapi"
	"github.com/meshctl/meshctl/internal/registry"
	"github.com/meshctl/meshctl/pkg/traffic/sample"
)

// proxy is what was heard of one.
type proxy struct {
	question    uint64        // the one that waits for an answer, 0 for none
	answered    chan struct{} // closed once it waits no more
	asked, last time.Time     // when it was asked first, and last

	at      time.Time
	sample  sample.Sample
	problem string
	silent  bool // did not answer in time: nobody waits for it until it does
}

// settle ends the waiting for an answer; the hub's mutex is held.
func (p *proxy) settle() {
	if p.question != 0 {
		p.question = 0
		close(p.answered)
	}
}

// ask asks those that a viewer needs and whose last sample is too old; it returns whom the viewer needs, whether that is everybody, and what to
// wait for.
func (h *Hub) ask(sessions []registry.Session, namespace string) (needed []registry.Session, all bool, waiting []<-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	h.used(now)
	h.keepOnly(sessions)
	needed, all = h.needed(sessions, namespace, now)
	for _, s := range needed {
		if !s.Connected {
			continue
		}
		if answered := h.askOne(s, now); answered != nil {
			waiting = append(waiting, answered)
		}
	}
	return needed, all, waiting
}

// askOne asks one proxy unless its sample will do, and returns what to wait for: nil when there is no question, and for one that did not answer
// in time. The mutex is held.
func (h *Hub) askOne(s registry.Session, now time.Time) <-chan struct{} {
	p := h.proxies[s.Proxy.NodeID]
	if p == nil {
		p = &proxy{}
		h.proxies[s.Proxy.NodeID] = p
	}
	if now.Sub(p.at) < shared {
		return nil
	}
	switch {
	case p.question == 0:
		p.answered = make(chan struct{})
		h.put(p, now)
	case p.last.Before(s.Since):
		h.put(p, now) // its agent has connected since, and knows of no question
	case now.Sub(p.last) > patience:
		// The same question once more: an answer to the first one that is late will do.
		p.silent, p.last = true, now
	default:
		return p.waitFor()
	}
	if !h.o.Sample(s.Proxy.NodeID, &agentapi.Sample{Id: p.question}) {
		p.settle() // its agent has gone: nothing waits for an answer that cannot come
		return nil
	}
	return p.waitFor()
}

// put makes a new question.
func (h *Hub) put(p *proxy, now time.Time) {
	h.next++
	p.question, p.asked, p.last = h.next, now, now
}

func (p *proxy) waitFor() <-chan struct{} {
	if p.silent {
		return nil
	}
	return p.answered
}

// keepOnly forgets proxies that are not registered any more; the mutex is held.
func (h *Hub) keepOnly(sessions []registry.Session) {
	if len(h.proxies) == 0 {
		return
	}
	registered := make(map[string]bool, len(sessions))
	for _, s := range sessions {
		registered[s.Proxy.NodeID] = true
	}
	for id, p := range h.proxies {
		if !registered[id] {
			p.settle()
			delete(h.proxies, id)
		}
	}
}

// Sampled is told what an agent answers.
func (h *Hub) Sampled(nodeID string, m *agentapi.Sampled) {
	if !h.waitsFor(nodeID, m.GetId()) {
		return // before anything is read: agents are not believed
	}
	var s sample.Sample
	problem := strings.ToValidUTF8(m.GetProblem(), "?")
	problem = strings.ToValidUTF8(problem[:min(len(problem), 500)], "")
	if problem == "" {
		if err := json.Unmarshal(m.GetSampleJson(), &s); err != nil {
			problem = "its agent's answer cannot be read"
		}
		s.Clean()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.proxies[nodeID]
	if p == nil || p.question == 0 || p.question != m.GetId() {
		return
	}
	p.sample, p.problem, p.at = s, problem, time.Now()
	p.silent = p.at.Sub(p.asked) > patience // who is slow now will be slow again
	p.settle()
}

func (h *Hub) waitsFor(nodeID string, question uint64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.proxies[nodeID]
	return p != nil && p.question != 0 && p.question == question
}
