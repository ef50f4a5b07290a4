package xdsserver

import (
	"slices"
	"time"

	"github.com/meshctl/meshctl/pkg/xds"
)

// advance brings the proxy from what it was told to what the view says now, as far as the order of things allows; it is
// called after every request and every change, and does nothing when there is nothing to do.
//
// The order is what Envoy needs to serve every request meanwhile: clusters and their endpoints in one go; listeners and
// routes once new clusters are warm (Envoy acknowledges clusters when they are); removals of clusters when the listeners
// and routes that may refer to them have been replaced.
func (st *stream) advance() {
	view := st.session.View()
	st.advanceClusters(view)
	for _, sub := range st.subs {
		if !ordered(sub.url) {
			st.tell(sub, st.table(view, sub.url))
		}
	}
	if !st.warm() {
		return
	}
	for _, url := range []string{xds.ListenerType, xds.RouteType} {
		if sub := st.sub(url); sub != nil {
			st.tell(sub, st.table(view, url))
		}
	}
	st.advanceRemovals()
}

// ordered reports whether a type has a place in the order; others (runtime layers) are answered at once, with
// nothing if need be, because Envoy does not start before it has heard of them or 15 s have passed.
func ordered(url string) bool {
	return slices.Contains(xds.Types[:], url)
}

// tell sends what changed of one type.
func (st *stream) tell(sub *subscription, table *xds.Table) {
	changed, removed := sub.update(table)
	st.send(sub, changed, removed)
}

func (st *stream) advanceClusters(view *xds.View) {
	var clusters []*xds.Resource
	early := false
	if sub := st.sub(xds.ClusterType); sub != nil {
		before := sub.base
		changed, gone := st.supersede(sub, view)
		clusters, early = changed, sub.wildcard
		if p := st.send(sub, changed, gone); p != nil && before.Len() > 0 && addsTo(before, changed) {
			if st.warm() { // otherwise clusters that keep coming would put it off for ever
				st.warmBy = time.Now().Add(st.server.options.WarmTimeout)
				st.wakeAfter(st.server.options.WarmTimeout)
			}
			st.warming = p
		}
	}
	if sub := st.sub(xds.EndpointType); sub != nil {
		changed, gone := st.supersede(sub, view)
		st.send(sub, sub.accompany(clusters, changed, early), gone)
	}
	for _, url := range []string{xds.SecretType, xds.ExtensionType} { // listeners refer to them
		if sub := st.sub(url); sub != nil {
			changed, gone := st.supersede(sub, view)
			st.send(sub, changed, gone)
		}
	}
}

// supersede is update for the types that others refer to: what the proxy has is removed later.
func (st *stream) supersede(sub *subscription, view *xds.View) (changed []*xds.Resource, gone []string) {
	before := sub.base
	changed, removed := sub.update(st.table(view, sub.url))
	return changed, sub.deferRemoval(before, removed)
}

// addsTo reports whether one of the clusters is new to a proxy that has before.
func addsTo(before *xds.Table, clusters []*xds.Resource) bool {
	return slices.ContainsFunc(clusters, func(r *xds.Resource) bool { return before.Get(r.Name) == nil })
}

// accompany adds the endpoints of changed clusters to the endpoints that changed: Envoy makes a changed cluster anew and
// holds it back until it hears of its endpoints again (15 s at most). If early is set, those of new clusters, which the
// proxy is about to ask for, go along as well: a proxy that takes all clusters waits for endpoints as soon as it has seen
// the cluster, while gRPC's client would ignore them.
func (s *subscription) accompany(clusters, changed []*xds.Resource, early bool) []*xds.Resource {
	if len(clusters) == 0 {
		return changed
	}
	changed = slices.Clip(changed) // it is shared
	with := make(map[string]bool, len(changed))
	for _, r := range changed {
		with[r.Name] = true
	}
	for _, c := range clusters {
		name := assignmentOf(c)
		r := s.base.Get(name)
		asked := s.wildcard || s.names.has(name)
		if name == "" || r == nil || with[name] || !asked && !early {
			continue
		}
		with[name] = true
		changed = append(changed, r)
		if !asked {
			if s.ahead == nil {
				s.ahead = map[string]*xds.Resource{}
			}
			s.ahead[name] = r
		}
	}
	return changed
}

// warm reports whether listeners and routes may be sent.
func (st *stream) warm() bool {
	if st.warming == nil {
		return true
	}
	waiting := slices.Contains(st.warming.sub.unanswered, st.warming) || slices.Contains(st.queue, st.warming)
	if waiting && time.Now().Before(st.warmBy) {
		return false
	}
	st.warming = nil
	return true
}

func (st *stream) advanceRemovals() {
	if wait := st.server.options.WarmTimeout - time.Since(st.since); st.sub(xds.ListenerType) == nil && st.sub(xds.ClusterType) != nil && wait > 0 {
		if slices.ContainsFunc(st.subs, func(s *subscription) bool { return len(s.deferred) > 0 }) {
			st.wakeAfter(wait) // a proxy that has just come back is about to say which listeners it has
		}
		return
	}
	if !st.releasable() || !st.sub(xds.ListenerType).answered() || !st.sub(xds.RouteType).answered() {
		return
	}
	for _, url := range []string{xds.ClusterType, xds.EndpointType, xds.SecretType, xds.ExtensionType} {
		if sub := st.sub(url); sub != nil && len(sub.deferred) > 0 {
			st.send(sub, nil, sub.takeDeferred())
		}
	}
}

// releasable reports whether the proxy has taken all listeners and routes so far: those that it refuses leave older ones
// in place, which may refer to clusters that are to be removed.
func (st *stream) releasable() bool {
	for _, url := range []string{xds.ListenerType, xds.RouteType} {
		if sub := st.sub(url); sub != nil && len(sub.rejected) > 0 {
			return false
		}
	}
	return true
}

// wakeAfter makes the stream look again after d.
func (st *stream) wakeAfter(d time.Duration) {
	if st.timer == nil {
		st.timer = time.AfterFunc(d, st.again)
		return
	}
	st.timer.Reset(d)
}
