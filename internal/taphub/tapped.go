package taphub

import (
	"cmp"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/meshctl/meshctl/internal/agentapi"
	"github.com/meshctl/meshctl/pkg/tap"
)

const (
	// maxEvent bounds a request as an agent sends it, in bytes; maxRequests how many come in a message.
	maxEvent    = 32 << 10
	maxRequests = 1024
	maxProblem  = 300
)

// Tapped is told what the agent of a proxy reports. It does not wait for viewers.
func (h *Hub) Tapped(nodeID string, m *agentapi.Tapped) {
	if nodeID == "" || h.watched.Load() == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, v := range h.viewers {
		if p := v.proxies[nodeID]; p != nil {
			v.hear(p, m)
		}
	}
	now := time.Now()
	for i, r := range m.GetRequests() {
		if i == maxRequests {
			return
		}
		h.hand(nodeID, r, now)
	}
}

// hear takes up what an agent says of its proxy.
func (v *viewer) hear(p *proxy, m *agentapi.Tapped) {
	v.dropped.Add(min(m.GetDropped()[v.id], 1<<32))
	problem := strings.ToValidUTF8(m.GetProblem(), "?")
	problem = problem[:min(len(problem), maxProblem)]
	sample := int(min(m.GetSample(), 100))
	if p.sample != sample || p.problem != problem {
		p.sample, p.problem = sample, problem
		v.wake()
	}
}

// hand gives a request to the viewers that its agent names, if they look at its proxy and may see it.
func (h *Hub) hand(nodeID string, r *agentapi.TappedRequest, now time.Time) {
	var e *tap.Event
	var source, destination tap.Member
	for _, id := range r.GetTaps() {
		v := h.viewers[id]
		if v == nil || v.proxies[nodeID] == nil {
			continue
		}
		p := v.proxies[nodeID]
		if e == nil {
			if e = decode(r.GetEventJson()); e == nil {
				v.dropped.Add(1)
				return
			}
			source, destination = h.index.complete(e, p)
		}
		switch {
		case !v.plan.shows(e, source, destination):
		case !p.bucket.Take(now):
			v.dropped.Add(1)
		default:
			v.offer(e)
		}
	}
}

// decode reads what an agent says of a request; nil when it makes no sense. Who the ends are is not the agent's to say.
func decode(data []byte) *tap.Event {
	if len(data) > maxEvent || !utf8.Valid(data) {
		return nil
	}
	e := &tap.Event{}
	if json.Unmarshal(data, e) != nil {
		return nil
	}
	if _, ok := tap.SideOf(tap.LogName(e.Side)); !ok {
		return nil
	}
	e.Redact()
	e.Gateway = ""
	e.Source = tap.Peer{Address: e.Source.Address, Identity: e.Source.Identity}
	e.Destination = tap.Peer{Address: e.Destination.Address, Identity: e.Destination.Identity, Service: e.Destination.Service, Port: e.Destination.Port}
	return e
}

// complete says who the ends of a request are.
func (x *index) complete(e *tap.Event, p *proxy) (source, destination tap.Member) {
	e.Proxy = p.id
	if e.Side == tap.Server {
		destination = p.party.Member
		describe(&e.Destination, p.party)
		if len(destination.Services) > 0 && e.Destination.Service == "" {
			e.Destination.Service = asked(e.Authority, destination.Services)
		}
		if from := x.find(e.Source.Address, e.Source.Identity); from != nil {
			source = from.Member
			describe(&e.Source, from)
		}
		return source, destination
	}
	if e.Side == tap.Client {
		source = p.party.Member
		describe(&e.Source, p.party)
		e.Source.Identity = p.party.identity
	} else {
		source, e.Gateway = p.party.Member, p.party.Workload // who looks at what a gateway sends names the gateway
	}
	if to := x.find(e.Destination.Address, e.Destination.Identity); to != nil {
		destination = to.Member
		describe(&e.Destination, to)
	}
	if e.Destination.Service == "" {
		e.Destination.Service = cmp.Or(x.external[e.Destination.Address], x.host(e.Authority, p.party.Namespace))
	}
	if e.Destination.Service != "" {
		destination.Services = []string{e.Destination.Service}
	}
	return source, destination
}

func describe(peer *tap.Peer, p *party) {
	peer.Instance, peer.Workload, peer.Namespace, peer.Version = p.Instance, p.Workload, p.Namespace, p.version
}

// asked is which of a workload's services a request was for.
func asked(authority string, services []string) string {
	host := hostOf(authority)
	for _, s := range services {
		if s == host || strings.HasPrefix(s, host+".") {
			return s
		}
	}
	return services[0]
}

// host is the service that a request is for by its authority, which may leave out the end of the name; empty when there is none. It is how
// requests are known that came nowhere.
func (x *index) host(authority, namespace string) string {
	host := hostOf(authority)
	for _, name := range []string{host, host + "." + namespace + ".svc." + x.suffix, host + ".svc." + x.suffix, host + "." + x.suffix} {
		if x.hosts[name] {
			return name
		}
	}
	return ""
}

// hostOf is an authority without its port.
func hostOf(authority string) string {
	host := strings.ToLower(authority)
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		host = host[:i]
	}
	return host
}
