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
			if labelsMatch(d.Selector, labels) {
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

// selected notes that a definition's selector finds a workload, or with nil no longer does.
func (t *update) selected(d *definition, key config.Key, i *instance) {
	changes := t.newMembers[d.key()]
	if changes == nil {
		changes = map[config.Key]*instance{}
		t.newMembers[d.key()] = changes
	}
	changes[key] = i
}

// applySelectors brings the members of every definition up to date.
func (t *update) applySelectors() {
	t.applyReselected()
	for owner, changes := range t.newMembers {
		d := t.definitions.get(owner)
		if d == nil {
			continue
		}
		members := make([]*instance, 0, len(changes)+8)
		for _, m := range t.members.get(owner) {
			if _, changed := changes[m.Key]; !changed {
				members = append(members, m)
			}
		}
		for _, m := range changes {
			if m != nil {
				members = append(members, m)
			}
		}
		slices.SortFunc(members, func(a, b *instance) int { return a.Key.Compare(b.Key) })
		setList(&t.members, owner, members)
		for _, s := range d.Services {
			t.staleBackends[hostKey{s.Host, s.Namespace}] = true
		}
	}
}

// applyReselected finds the members of definitions whose selector is new, in one pass over the workloads.
func (t *update) applyReselected() {
	wanted := map[nsName][]*definition{}
	namespaces := map[string]bool{}
	for _, d := range t.reselected {
		if t.definitions.get(d.key()) != d { // replaced within the same batch
			continue
		}
		setList(&t.members, d.key(), nil)
		delete(t.newMembers, d.key())
		bucket, _ := d.bucket()
		wanted[bucket] = append(wanted[bucket], d)
		namespaces[bucket.namespace] = true
		t.newMembers[d.key()] = map[config.Key]*instance{}
	}
	if len(wanted) == 0 {
		return
	}
	for key, i := range t.instances.all() {
		if !namespaces[key.Namespace] {
			continue
		}
		match := func(bucket string) {
			for _, d := range wanted[nsName{key.Namespace, bucket}] {
				if labelsMatch(d.Selector, i.Labels) {
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
