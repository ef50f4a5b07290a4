package xds

import (
	"maps"
	"slices"

	"github.com/meshctl/meshctl/pkg/mesh"
)

// advanceScope moves a scope to the catalog's snapshot. Only the hosts that the change names are translated again, and those whose
// routes lead to them.
func (c *Catalog) advanceScope(v *scopeView, change mesh.Change) {
	if change.Rebuilds(v.key.ScopeKey) || v.key.Type == mesh.Router && len(change.Secrets) > 0 {
		c.buildScope(v, v.proxy())
		return
	}
	if len(change.Hosts) == 0 {
		return
	}
	before := v.scope.EgressProxy
	if v.scope = c.snapshot.Rescope(v.scope, v.proxy(), change); v.scope.EgressProxy != before { // it is part of every route
		c.buildScope(v, v.proxy())
		return
	}
	b := c.builderFor(v)
	p := newPatch()
	var aspects mesh.Aspect
	for host, aspect := range change.Hosts {
		if aspect == mesh.Endpoints {
			v.patchEndpoints(b, host, p)
			continue
		}
		aspects |= aspect
		v.patchHost(b, host, p)
	}
	for host, aspect := range change.Hosts {
		if aspect != mesh.Endpoints {
			v.patchLeads(b, host, change, p)
		}
	}
	v.apply(b, p)
	if aspects&mesh.Listeners != 0 {
		v.settleListeners(b)
	}
}

// patch collects what differs in a scope.
type patch struct {
	clusters, endpoints               []*Resource
	removedClusters, removedEndpoints []string
	routes                            map[string]bool
}

func newPatch() *patch { return &patch{routes: map[string]bool{}} }

// patchHost makes a host's entries again, or removes them.
func (v *scopeView) patchHost(b *builder, host string, p *patch) {
	before, after := v.hosts[host], b.host(host)
	delete(v.troubled, host)
	if after != nil && slices.ContainsFunc(after.clusters, func(e *entry) bool { return len(e.problems) > 0 }) {
		v.troubled[host] = after
	}
	v.placeHosts(b, before, after, p.routes)
	if before == nil {
		before = &hostEntries{}
	}
	if after == nil {
		delete(v.hosts, host)
		after = &hostEntries{}
	} else {
		v.hosts[host] = after
	}
	p.clusters = resourcesOf(p.clusters, after.clusters)
	p.endpoints = resourcesOf(p.endpoints, after.endpoints)
	p.removedClusters = append(p.removedClusters, missing(before.clusters, after.clusters)...)
	p.removedEndpoints = append(p.removedEndpoints, missing(before.endpoints, after.endpoints)...)
}

// patchEndpoints makes only the endpoints of a service again.
func (v *scopeView) patchEndpoints(b *builder, host string, p *patch) {
	before, s := v.hosts[host], b.scope.Service(host)
	if before == nil || s == nil {
		v.patchHost(b, host, p)
		return
	}
	after := *before
	after.endpoints = nil
	for _, port := range s.Ports {
		if port.Protocol != mesh.UDP {
			b.assignments(s, port, b.clusterInputs(s, port), &after)
		}
	}
	v.hosts[host] = &after
	p.endpoints = resourcesOf(p.endpoints, after.endpoints)
}

// patchLeads makes the virtual hosts again whose routes lead to a host that changed; those that changed themselves are done.
func (v *scopeView) patchLeads(b *builder, host string, change mesh.Change, p *patch) {
	for _, from := range slices.Collect(maps.Keys(v.leads[host])) {
		if aspect, done := change.Hosts[from]; !done || aspect == mesh.Endpoints {
			v.patchHost(b, from, p)
		}
	}
}

// names appends the names of the entries' resources.
func names(out []string, entries []*entry) []string {
	for _, e := range entries {
		for _, r := range e.resources {
			out = append(out, r.Name)
		}
	}
	return out
}

// missing lists what was there before and is not any more.
func missing(before, after []*entry) []string {
	kept := names(nil, after)
	return slices.DeleteFunc(names(nil, before), func(n string) bool { return slices.Contains(kept, n) })
}
