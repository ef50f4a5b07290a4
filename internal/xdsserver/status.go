package xdsserver

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/meshctl/meshctl/internal/ca"
	"github.com/meshctl/meshctl/pkg/config"
)

// State is how far a proxy is with one type of resource.
type State string

const (
	// Synced means that the proxy has acknowledged everything that it should run.
	Synced State = "SYNCED"
	// Stale means that something was sent and is not acknowledged yet, or waits to be sent.
	Stale State = "STALE"
	// NotSent means that the proxy has not asked for this type; Status leaves such types out.
	NotSent State = "NOT SENT"
	// Rejected means that the proxy refuses a resource and keeps the last good one.
	Rejected State = "REJECTED"
)

// ProxyStatus is one connected proxy.
type ProxyStatus struct {
	Node      string // node id
	UserAgent string // "envoy/1.40.0"; empty when the proxy does not say
	Protocol  string // "delta" or "sotw"
	Identity  *ca.Identity
	Session   Session // what Views.Connect returned
	Connected time.Time
	Types     []TypeStatus // those that the proxy asked for, in the order in which it did
}

// TypeStatus is the state of one type on one stream. Counters start with the stream.
type TypeStatus struct {
	URL   string
	State State
	// Pending is set while something is unanswered or waits to be sent; a type can be rejected and pending.
	Pending bool
	// SentVersion and AckedVersion stand for all that the stream was told of the type until then; empty before the first.
	SentVersion, AckedVersion string
	SentAt, AckedAt           time.Time
	// Pushes counts responses with something in them, Resources and Removals what was in them, Bytes their size.
	Pushes, Resources, Removals int
	Bytes                       int64
	// Rejections are the resources that the proxy refuses at present, by name.
	Rejections []Rejection
}

// Rejection is a resource that a proxy refused (NACK).
type Rejection struct {
	Resource string
	Version  string
	From     []config.Key
	Text     string // the proxy's own words
	At       time.Time
}

// account is what happened on one subscription so far.
type account struct {
	sentVersion, ackedVersion   string
	sentAt, ackedAt             time.Time
	pushes, resources, removals int
	bytes                       int64
}

// Status returns the connected proxies, sorted by node id.
func (s *Server) Status() []ProxyStatus {
	streams := s.list()
	out := make([]ProxyStatus, 0, len(streams))
	for _, st := range streams {
		out = append(out, st.status())
	}
	slices.SortFunc(out, func(a, b ProxyStatus) int {
		return cmp.Or(cmp.Compare(a.Node, b.Node), a.Connected.Compare(b.Connected))
	})
	return out
}

func (s *Server) list() []*stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]*stream, 0, len(s.streams))
	for st := range s.streams {
		out = append(out, st)
	}
	return out
}

func (st *stream) status() ProxyStatus {
	view := st.session.View()
	st.mu.Lock()
	defer st.mu.Unlock()
	out := ProxyStatus{
		Node: st.node, UserAgent: st.version, Protocol: st.protocol, Identity: st.identity, Session: st.session, Connected: st.since,
	}
	for _, sub := range st.subs {
		a := sub.account
		t := TypeStatus{
			URL: sub.url, State: Synced, SentVersion: a.sentVersion, AckedVersion: a.ackedVersion, SentAt: a.sentAt, AckedAt: a.ackedAt,
			Pushes: a.pushes, Resources: a.resources, Removals: a.removals, Bytes: a.bytes,
		}
		for _, r := range sub.rejected {
			t.Rejections = append(t.Rejections, *r)
		}
		slices.SortFunc(t.Rejections, func(a, b Rejection) int { return cmp.Compare(a.Resource, b.Resource) })
		t.Pending = len(sub.unanswered) > 0 || sub.owed || len(sub.deferred) > 0 && st.releasable() || sub.base != st.table(view, sub.url)
		switch {
		case len(sub.rejected) > 0:
			t.State = Rejected
		case t.Pending || len(sub.deferred) > 0:
			t.State = Stale
		}
		out.Types = append(out.Types, t)
	}
	return out
}

// WaitSynced returns when every connected proxy has answered everything that it should run now: nil when all agree, an
// error that names a proxy and its reason when one refuses, ctx's error when time is up first. A proxy that has not asked
// for anything yet is waited for; one that is not connected is not.
func (s *Server) WaitSynced(ctx context.Context) error {
	for {
		s.mu.Lock()
		settled := s.settled
		s.mu.Unlock()
		waiting, refusal := "", error(nil)
		for _, p := range s.Status() {
			if len(p.Types) == 0 {
				waiting = p.Node
			}
			for _, t := range p.Types {
				if t.Pending {
					waiting = p.Node
				} else if t.State == Rejected {
					r := t.Rejections[0]
					refusal = fmt.Errorf("%s rejects %s of %v: %s", p.Node, r.Resource, r.From, strings.TrimSpace(r.Text))
				}
			}
		}
		if waiting == "" {
			return refusal
		}
		select {
		case <-settled:
		case <-ctx.Done():
			return fmt.Errorf("%s is not synced yet: %w", waiting, ctx.Err())
		}
	}
}

// notify wakes those who wait for proxies to be synced.
func (s *Server) notify() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.settled)
	s.settled = make(chan struct{})
}
