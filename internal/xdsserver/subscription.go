package xdsserver

import (
	"fmt"
	"slices"

	"github.com/zeebo/xxh3"

	"github.com/meshctl/meshctl/pkg/xds"
)

// subscription is what one stream has asked for, and been told, of one type.
//
// What the proxy has is not kept by name: it has what base says of the names that it asked for, except for what deferred,
// ahead and rejected hold. Proxies of one scope share their tables, so that this costs a pointer.
type subscription struct {
	url      string
	wildcard bool
	// legacy is set while requests without names mean everything (state of the world: no name was ever asked for).
	legacy bool
	// names are the resources asked for by name.
	names  names
	shared *list // keeps names in the server's lists
	// asked are names to be answered whether the proxy has them or not.
	asked names
	// owed is set when a response is due even with nothing in it: the first one ends the proxy's waiting.
	owed bool
	base *xds.Table
	// deferred are resources that no longer exist, of which the proxy is told after nothing refers to them any more.
	deferred map[string]*xds.Resource
	// ahead are resources that the proxy was sent together with their clusters, before it asked for them.
	ahead map[string]*xds.Resource

	unanswered []*push
	rejected   map[string]*Rejection
	account    account
	version    string // of what was queued last
}

// versions makes a table of what a reconnecting proxy says it has: names and versions without content. It is the current table
// if that has the same, as after most restarts of a control plane.
func versions(initial map[string]string, current *xds.Table) *xds.Table {
	if len(initial) == current.Len() && hasAll(initial, current) {
		return current
	}
	list := make([]*xds.Resource, 0, len(initial))
	for name, version := range initial {
		list = append(list, &xds.Resource{Name: name, Version: version})
	}
	return xds.NewTable(list...)
}

func hasAll(initial map[string]string, current *xds.Table) bool {
	for r := range current.All() {
		if initial[r.Name] != r.Version {
			return false
		}
	}
	return true
}

// update makes next the base and returns what the proxy must be told to get there.
func (s *subscription) update(next *xds.Table) (changed []*xds.Resource, removed []string) {
	before, asked := s.base, s.asked
	s.base, s.asked = next, nil
	changed, removed = xds.Diff(before, next)
	if !s.wildcard {
		changed, removed = s.names.among(changed), s.names.amongNames(removed)
	}
	for _, r := range changed {
		delete(s.deferred, r.Name)
	}
	changed, removed = slices.Clip(changed), slices.Clip(removed) // they are shared
	for _, name := range asked {
		r, had, early := next.Get(name), before.Get(name), s.ahead[name]
		delete(s.ahead, name)
		switch {
		case same(r, had) && !same(r, early): // otherwise it is among the changed, or was sent
			changed = append(changed, r)
		case r == nil && had == nil:
			removed = append(removed, name)
		}
	}
	return changed, removed
}

// same reports whether both are there and have the same content.
func same(a, b *xds.Resource) bool {
	return a != nil && b != nil && a.Version == b.Version
}

// deferRemoval remembers the removal of what the proxy has for later, and returns the names that it waits for in vain.
func (s *subscription) deferRemoval(before *xds.Table, removed []string) (vain []string) {
	for _, name := range removed {
		r := before.Get(name)
		if r == nil {
			vain = append(vain, name)
			continue
		}
		if s.deferred == nil {
			s.deferred = map[string]*xds.Resource{}
		}
		s.deferred[name] = r
	}
	return vain
}

// takeDeferred returns the names whose removal is due, sorted.
func (s *subscription) takeDeferred() []string {
	if s == nil || len(s.deferred) == 0 {
		return nil
	}
	var out []string
	for name := range s.deferred {
		if s.wildcard || s.names.has(name) {
			out = append(out, name)
		}
	}
	s.deferred = nil
	slices.Sort(out)
	return out
}

// answered reports whether the proxy has answered everything of a type that it may not have asked for.
func (s *subscription) answered() bool {
	return s == nil || len(s.unanswered) == 0 && !s.owed
}

// nextVersion is the version of a response: a hash of everything that the stream was told of this type so far, in order. It is a
// label for people; what is compared are the versions of the resources.
func (s *subscription) nextVersion(changed []*xds.Resource, removed []string) string {
	h := xxh3.New()
	_, _ = h.WriteString(s.version)
	for _, r := range changed {
		_, _ = h.WriteString(r.Version)
	}
	for _, name := range removed {
		_, _ = h.WriteString(name)
	}
	s.version = fmt.Sprintf("%016x", h.Sum64())
	return s.version
}
