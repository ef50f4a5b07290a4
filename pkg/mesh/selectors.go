package mesh

import (
	"slices"

	"github.com/meshctl/meshctl/pkg/config"
)

// selecting returns the definitions of a namespace whose selector matches labels, those that lead first.
func (t *tables) selecting(namespace string, labels map[string]string) []*definition {
	var out []*definition
	add := func(bucket string) {
		for _, d := range t.selectors.get(nsName{namespace, bucket}) {
			if Selects(d.Selector, labels) {
				out = append(out, d)
			}
		}
	}
	add("")
	for k, v := range labels {
		add(k + "=" + v)
	}
	slices.SortFunc(out, leads)
	return out
}

// reselect notes which selectors find a changed workload now, and which found it before.
func (t *update) reselect(key config.Key, before, after *instance) {
	if before != nil {
		for _, d := range t.selecting(key.Namespace, before.Labels) {
			t.selected(d, key, nil)
		}
	}
	if after != nil {
		for _, d := range t.selecting(key.Namespace, after.Labels) {
			t.selected(d, key, after)
		}
	}
}

// membership says that a selector finds a workload, or with nil that it no longer does.
type membership struct {
	key      config.Key
	instance *instance
}

func (t *update) selected(d *definition, key config.Key, i *instance) {
	t.newMembers[d.key()] = append(t.newMembers[d.key()], membership{key, i})
}

// applySelectors brings the members of every definition up to date.
func (t *update) applySelectors() {
	t.applyReselected()
	for owner, changes := range t.newMembers {
		d := t.definitions.get(owner)
		if d == nil {
			continue
		}
		setList(&t.members, owner, applyMemberships(t.members.get(owner), changes))
		t.checkMembers(owner, changes)
		for _, s := range d.Services {
			t.staleBackends[hostKey{s.Host, s.Namespace}] = true
		}
	}
}

// applyMemberships returns the members after changes, sorted; of several changes to one workload the last counts.
func applyMemberships(members []*instance, changes []membership) []*instance {
	slices.SortStableFunc(changes, func(a, b membership) int { return a.key.Compare(b.key) })
	out := make([]*instance, 0, len(members)+len(changes))
	for i, c := range changes {
		if i+1 < len(changes) && changes[i+1].key == c.key {
			continue
		}
		for len(members) > 0 && members[0].Key.Compare(c.key) < 0 {
			out, members = append(out, members[0]), members[1:]
		}
		if len(members) > 0 && members[0].Key == c.key {
			members = members[1:]
		}
		if c.instance != nil {
			out = append(out, c.instance)
		}
	}
	return append(out, members...)
}

// applyReselected finds the members of definitions whose selector is new among the workloads that did not change, in one
// pass; the changed ones have found the new selectors already.
func (t *update) applyReselected() {
	wanted := map[nsName][]*definition{}
	namespaces := map[string]bool{}
	for _, d := range t.reselected {
		if t.definitions.get(d.key()) != d { // replaced within the same batch
			continue
		}
		setList(&t.members, d.key(), nil)
		bucket, _ := d.bucket()
		wanted[bucket] = append(wanted[bucket], d)
		namespaces[bucket.namespace] = true
		if t.newMembers[d.key()] == nil {
			t.newMembers[d.key()] = []membership{}
		}
	}
	t.instances.settle()
	if len(wanted) == 0 || len(t.staleInstances) >= t.instances.table.Len() {
		return
	}
	for key, i := range t.instances.all() {
		if !namespaces[key.Namespace] || t.staleInstances[key] {
			continue
		}
		match := func(bucket string) {
			for _, d := range wanted[nsName{key.Namespace, bucket}] {
				if Selects(d.Selector, i.Labels) {
					t.selected(d, key, i)
				}
			}
		}
		match("")
		for k, v := range i.Labels {
			match(k + "=" + v)
		}
	}
}

// Selects reports whether labels have everything that a selector asks for. An empty selector asks for nothing.
func Selects(selector, labels map[string]string) bool {
	if len(selector) > len(labels) {
		return false
	}
	for k, v := range selector {
		if got, ok := labels[k]; !ok || got != v {
			return false
		}
	}
	return true
}
