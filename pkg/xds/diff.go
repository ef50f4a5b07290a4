package xds

import (
	"slices"
	"sync/atomic"
	"weak"
)

// part is the list that the tables of a scope's proxies share. It remembers the last comparison with the part before it,
// because all of those proxies ask for the same one after a change.
type part struct {
	resources []*Resource
	last      atomic.Pointer[difference]
}

// difference is what a part has that another has not. The other is held weakly: each part would otherwise keep all its
// predecessors alive.
type difference struct {
	before  weak.Pointer[part]
	changed []*Resource
	removed []string
}

// Diff compares two tables: what is new or has another version, and the names that are gone. The slices must not be changed.
func Diff(before, after *Table) (changed []*Resource, removed []string) {
	if before == after {
		return nil, nil
	}
	changed, removed = diffParts(partOf(before), partOf(after))
	ownChanged, ownRemoved := diffSorted(ownOf(before), ownOf(after))
	if len(ownChanged)+len(ownRemoved) == 0 {
		return changed, removed
	}
	// A name may have moved between the proxy's own and what is shared (what a reconnecting proxy says it has is all of one
	// kind): then it is not gone, and not changed unless its version is another.
	ownChanged = slices.DeleteFunc(ownChanged, func(r *Resource) bool {
		b := before.Get(r.Name)
		return b != nil && b.Version == r.Version
	})
	still := func(name string) bool { return after.Get(name) != nil }
	return slices.Concat(changed, ownChanged), slices.DeleteFunc(slices.Concat(removed, ownRemoved), still)
}

func partOf(t *Table) *part {
	if t == nil {
		return nil
	}
	return t.shared
}

func ownOf(t *Table) []*Resource {
	if t == nil {
		return nil
	}
	return t.own
}

func diffParts(before, after *part) (changed []*Resource, removed []string) {
	switch {
	case before == after:
		return nil, nil
	case before == nil:
		return after.resources, nil
	case after == nil:
		return diffSorted(before.resources, nil)
	}
	if d := after.last.Load(); d != nil && d.before.Value() == before {
		return d.changed, d.removed
	}
	changed, removed = diffSorted(before.resources, after.resources)
	after.last.Store(&difference{before: weak.Make(before), changed: changed, removed: removed})
	return changed, removed
}

func diffSorted(a, b []*Resource) (changed []*Resource, removed []string) {
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].Name < b[0].Name:
			removed, a = append(removed, a[0].Name), a[1:]
		case len(a) == 0 || b[0].Name < a[0].Name:
			changed, b = append(changed, b[0]), b[1:]
		default:
			if a[0] != b[0] && a[0].Version != b[0].Version {
				changed = append(changed, b[0])
			}
			a, b = a[1:], b[1:]
		}
	}
	return changed, removed
}
