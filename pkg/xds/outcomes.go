package xds

import (
	"cmp"
	"maps"
	"slices"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/envoyfilter"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// fate is what became of one patch over all proxies that it holds for.
type fate struct {
	patch   *envoyfilter.Patch
	applied bool
	miss    envoyfilter.Miss
	scopes  []*scopeView
}

// FilterProblems returns what is wrong with the EnvoyFilters, over all members, in no particular order.
func (c *Catalog) FilterProblems() []config.Problem {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.filterProblems()
}

// filterProblems returns what is wrong with the EnvoyFilters: what cannot be read, what excludes each other, and patches that hold for
// proxies and change none of them.
func (c *Catalog) filterProblems() []config.Problem {
	var out []config.Problem
	for o := range c.snapshot.Set().All(config.EnvoyFilter) {
		out = append(out, c.compile(o).problems...)
	}
	fates := map[envoyfilter.Ref]*fate{}
	for _, v := range c.scopes {
		if v.program == nil {
			continue
		}
		out = append(append(out, v.program.Problems...), v.collisions...)
		for _, p := range v.program.Selective(v.key.Type == mesh.Router) {
			if fates[p.Ref()] == nil {
				fates[p.Ref()] = &fate{patch: p}
			}
			fates[p.Ref()].scopes = append(fates[p.Ref()].scopes, v)
		}
	}
	if len(fates) == 0 {
		return out
	}
	note := func(o envoyfilter.Outcome) {
		if f := fates[o.Ref]; f != nil {
			f.applied = f.applied || o.Applied
			f.miss = f.miss.Deeper(o.Missed)
		}
	}
	for _, v := range c.scopes {
		v.eachOutcome(note)
	}
	refs := slices.SortedFunc(maps.Keys(fates), func(a, b envoyfilter.Ref) int {
		return cmp.Or(a.Key.Compare(b.Key), cmp.Compare(a.Index, b.Index))
	})
	for _, ref := range refs {
		if f := fates[ref]; !f.applied {
			out = append(out, f.patch.Unmatched(f.miss, f.names()))
		}
	}
	return out
}

// names lists the resources among which the patch found none.
func (f *fate) names() []string {
	var out []string
	seen := map[string]bool{}
	add := func(t *Table) {
		for r := range t.All() {
			if !seen[r.Name] {
				seen[r.Name] = true
				out = append(out, r.Name)
			}
		}
	}
	kind := map[string]int{ClusterType: clusters, RouteType: routes, ListenerType: listeners}[f.patch.ResourceType()]
	for _, v := range f.scopes {
		add(v.shared[kind])
		for m := range v.members {
			for _, r := range m.own.of(kind) {
				if !seen[r.Name] {
					seen[r.Name] = true
					out = append(out, r.Name)
				}
			}
		}
	}
	slices.Sort(out)
	return out
}

// of returns the resources of one kind.
func (o *ownSet) of(kind int) []*Resource {
	switch kind {
	case clusters:
		return o.clusters
	case routes:
		return o.routes
	}
	return o.listeners
}

// eachOutcome visits what became of patches at the resources of a scope and of its members.
func (v *scopeView) eachOutcome(visit func(envoyfilter.Outcome)) {
	if v.program == nil {
		return
	}
	list := []*entry{v.static}
	if v.outbound != nil {
		list = append(list, v.outbound)
	}
	for _, h := range v.hosts {
		list = append(list, h.clusters...)
	}
	for _, r := range v.routes {
		if r.patched != nil {
			list = append(list, r.patched)
		}
	}
	for m := range v.members {
		list = append(list, m.own.parts...)
	}
	for _, e := range list {
		e.eachOutcome(visit)
	}
}

func (e *entry) eachOutcome(visit func(envoyfilter.Outcome)) {
	for _, o := range e.outcomes {
		visit(o)
	}
	for _, part := range e.parts {
		part.eachOutcome(visit)
	}
}
