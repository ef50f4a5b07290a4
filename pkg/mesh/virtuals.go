package mesh

import (
	"maps"
	"slices"

	"github.com/meshctl/meshctl/pkg/config"
)

// virtualDelta is a VirtualService that differs; nil where it does not exist.
type virtualDelta struct{ before, after *virtual }

// readVirtual notes a changed VirtualService, and those that hand over to it.
func (t *update) readVirtual(d delta) {
	t.indexDelegates(d.before, d.after)
	t.staleVirtuals[d.key()] = true
}

// parseVirtuals resolves every stale VirtualService.
func (t *update) parseVirtuals() {
	for key := range maps.Clone(t.staleVirtuals) {
		for _, root := range t.delegates.get(key) {
			t.staleVirtuals[root] = true
		}
	}
	for _, key := range sortedKeys(t.staleVirtuals) {
		t.replaceVirtual(key, t.parseVirtual(t.object(key)))
	}
}

func (t *update) replaceVirtual(key config.Key, after *virtual) {
	before := t.virtuals.get(key)
	if before != nil {
		t.indexVirtual(before, false)
		t.virtuals.delete(key)
	}
	if after != nil {
		t.indexVirtual(after, true)
		t.virtuals.set(key, after)
		t.staleChecks[key] = true
	}
	if before == nil && after == nil || before != nil && after != nil && before.Digest == after.Digest {
		return
	}
	t.changedVirtual = append(t.changedVirtual, virtualDelta{before, after})
}

func (t *update) indexVirtual(v *virtual, add bool) {
	put := func(x *index[string, []*virtual], key string) {
		list := without(x.get(key), func(o *virtual) bool { return o.key() == v.key() })
		if add {
			list = insert(list, v, olderVirtual)
		}
		setList(x, key, list)
	}
	for _, h := range v.MeshHosts {
		put(&t.routes, h)
		t.useWildcard(h, add)
	}
	for _, h := range v.Destinations {
		put(&t.toHost, h)
	}
	for _, g := range v.Gateways {
		put(&t.toGateway, g)
	}
	if v.ByLabels {
		t.indexLabelled("", labelledVirtual(v), add)
	}
}

// applyVirtuals notes what the changed VirtualServices concern.
func (t *update) applyVirtuals() {
	for _, d := range t.changedVirtual {
		for _, v := range []*virtual{d.before, d.after} {
			if v == nil {
				continue
			}
			t.markVirtual(v, moves(d))
			for _, h := range v.MeshHosts { // others of the host may win or lose
				for _, other := range t.routes.get(h) {
					t.staleChecks[other.key()] = true
				}
			}
			if v.ByLabels {
				t.rekey(v.Visibility)
			}
		}
		t.importsChanged(d)
	}
}

// rekey notes that proxies which see an object may belong to another scope.
func (t *update) rekey(v Visibility) {
	if v.Public {
		t.change.Rekey[""] = true
		return
	}
	for _, n := range v.Namespaces {
		t.change.Rekey[n] = true
	}
}

// samePlace reports whether a VirtualService was there before and is there after, for the same hosts and the same clients.
func samePlace(d virtualDelta) bool {
	return d.before != nil && d.after != nil && slices.Equal(d.before.MeshHosts, d.after.MeshHosts) &&
		equalVisibility(d.before.Visibility, d.after.Visibility)
}

// moves reports whether a VirtualService may have begun or ceased to route a host for some client.
func moves(d virtualDelta) bool {
	return !samePlace(d) || d.before.ByOrigin || d.after.ByOrigin || (len(d.before.Spec.GetHttp()) == 0) != (len(d.after.Spec.GetHttp()) == 0)
}

// markVirtual marks every host that a VirtualService routes, and gateways when it is bound to one. appears says that it may come or go for
// some client: a host that is no service is there, with a listener, only as long as it is routed.
func (t *update) markVirtual(v *virtual, appears bool) {
	aspect := Routes
	if v.Streams || appears {
		aspect |= Listeners
	}
	for _, h := range v.MeshHosts {
		t.mark(h, aspect)
		t.eachCovered(h, func(host string) { t.mark(host, aspect) })
	}
	if len(v.Gateways) > 0 {
		t.change.Gateways = true
	}
}

// eachCovered visits the hosts of services and of VirtualServices that a wildcard covers; nothing for a plain name.
func (t *update) eachCovered(pattern string, visit func(host string)) {
	if !isWildcard(pattern) {
		return
	}
	for host := range t.services.all() {
		if host != pattern && hostCovers(pattern, host) {
			visit(host)
		}
	}
	for host := range t.routes.all() {
		if host != pattern && hostCovers(pattern, host) {
			visit(host)
		}
	}
}

// importsChanged marks destinations that a VirtualService leads to now or no longer does: scopes with a Sidecar see services
// for the sake of the routes that lead to them.
func (t *update) importsChanged(d virtualDelta) {
	list := func(v *virtual) []string {
		if v == nil || len(v.MeshHosts) == 0 {
			return nil
		}
		return v.Destinations
	}
	same := samePlace(d)
	before, after := list(d.before), list(d.after)
	for _, h := range before {
		if !same || !slices.Contains(after, h) {
			t.presenceChanged(h)
		}
	}
	for _, h := range after {
		if !same || !slices.Contains(before, h) {
			t.presenceChanged(h)
		}
	}
}

// presenceChanged marks a host that scopes may see now or no longer see. A wildcard of VirtualServices is a host of its own while no
// service of the scope is under it.
func (t *update) presenceChanged(host string) {
	t.mark(host, Endpoints|Clusters|Routes|Listeners)
	for _, pattern := range t.wildcardsOf(host) {
		if len(t.routes.get(pattern)) > 0 {
			t.mark(pattern, Routes|Listeners)
		}
	}
}

func equalVisibility(a, b Visibility) bool {
	return a.Public == b.Public && slices.Equal(a.Namespaces, b.Namespaces)
}

// destinationChanged notes that routes to a host may turn out differently: the service itself, or the rules that hold for it, changed.
func (t *update) destinationChanged(host string) {
	for _, v := range t.toHost.get(host) {
		t.markVirtual(v, false)
	}
	t.checkDestinationsTo(host)
}

// checkDestinationsTo has the VirtualServices that lead to a host checked again.
func (t *update) checkDestinationsTo(host string) {
	for _, v := range t.toHost.get(host) {
		t.staleChecks[v.key()] = true
	}
}

// meshVirtuals visits the VirtualServices on the mesh gateway that cover a host, most specific host first, then oldest.
func (t *tables) meshVirtuals(host string, visit func(*virtual)) {
	for _, v := range t.routes.get(host) {
		visit(v)
	}
	for _, pattern := range t.wildcardsOf(host) {
		for _, v := range t.routes.get(pattern) {
			visit(v)
		}
	}
}
