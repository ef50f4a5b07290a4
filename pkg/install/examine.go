package install

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshctl/meshctl/pkg/install/diff"
	"github.com/meshctl/meshctl/pkg/install/inventory"
)

// Action is what an installation would do with an object.
type Action string

// The actions.
const (
	Create Action = "create"
	Change Action = "change"
	Keep   Action = "keep"
	// Use leaves an object alone that belongs to somebody else.
	Use Action = "use"
	// Delete takes away what is no longer rendered.
	Delete Action = "delete"
)

// verdict is what would become of one object.
type verdict struct {
	desired
	origin inventory.Origin
	action Action
	live   *unstructured.Unstructured
	after  *unstructured.Unstructured // as the server would have it; as it is rendered when the server cannot say
}

// examine finds out what applying would do, without doing it: whose the objects are, and what the server would make of them. All that
// would go wrong is found before anything is written, and the error has all of it.
func (i *Installer) examine(ctx context.Context, r Request, s state, wanted []desired) ([]verdict, error) {
	out := make([]verdict, len(wanted))
	failed := make([]error, len(wanted))
	each(wanted, func(n int, d desired) {
		out[n], failed[n] = i.judge(ctx, r, s, d)
	})
	return out, errors.Join(compact(failed)...)
}

func (i *Installer) judge(ctx context.Context, r Request, s state, d desired) (verdict, error) {
	v := verdict{desired: d, live: s.live[d.id]}
	var err error
	if v.origin, err = s.claim(d, r.Adopt); err != nil {
		return v, err
	}
	_, listed := s.origin(d.id)
	v.adopt = v.live != nil && r.Adopt && !listed && !Ours(v.live)
	if v.origin == inventory.Found {
		v.action, v.after = Use, v.live
		return v, nil
	}
	if v.live == nil {
		v.action, v.after = Create, d.object
		if d.stage == stageDefinitions || !s.placed(d) {
			return v, nil // what it belongs to is not there yet, or it is too big to be tried for nothing
		}
	} else {
		v.action = Change
	}
	after, err := i.put(ctx, v.desired, v.live, r.Force, true)
	switch {
	case err != nil && (v.live == nil && meta.IsNoMatchError(err) || noDryRun(err)):
		return v, nil
	case err != nil:
		return v, explain(err)
	}
	if v.after = after; v.live != nil && sameFields(v.live, after) && len(diff.Objects(v.live, after)) == 0 {
		v.action = Keep
	}
	return v, nil
}

// placed reports whether the namespace of an object is there, so that the server can be asked about the object.
func (s state) placed(d desired) bool {
	if d.id.Namespace == "" {
		return true
	}
	return s.live[inventory.ID{GroupKind: namespaceKind.GroupKind(), Name: d.id.Namespace}] != nil
}

// prunable are the objects of an inventory that are ours and no longer wanted. Definitions and namespaces are never among them, since what
// others keep in them would go as well.
func (s state) prunable(set inventory.Inventory, wanted []desired) []inventory.ID {
	keep := map[inventory.ID]bool{}
	for _, d := range wanted {
		keep[d.id] = true
	}
	for name, other := range s.inventories {
		for id := range other.Objects {
			keep[id] = keep[id] || name != set.Set
		}
	}
	var out []inventory.ID
	for _, id := range set.IDs() {
		st := stageOf("", id.GroupKind)
		if set.Objects[id] == inventory.Ours && !keep[id] && s.live[id] != nil && st != stageNamespace && st != stageDefinitions {
			out = append(out, id)
		}
	}
	return out
}

// sets are the inventories that a request may prune: its revision's, and the shared one as long as no other revision needs it.
func (s state) pruned(revision string) []inventory.Inventory {
	mine := inventory.SetOf(revision)
	out := []inventory.Inventory{s.set(mine)}
	for _, other := range s.revisions() {
		if other != mine {
			return out
		}
	}
	return append(out, s.set(inventory.Base))
}

// PlannedChange is one line of a plan.
type PlannedChange struct {
	Action    Action       `json:"action"`
	Kind      string       `json:"kind"`
	Namespace string       `json:"namespace,omitempty"`
	Name      string       `json:"name"`
	Component string       `json:"component,omitempty"`
	Fields    []diff.Field `json:"fields,omitempty"`
	// Owner is whose an object is that is used as it is.
	Owner string `json:"owner,omitempty"`
}

// Plan says what Apply would do, by asking the server to try every object. Use it with a client that is ReadOnly.
func (i *Installer) Plan(ctx context.Context, r Request) ([]PlannedChange, error) {
	wanted := i.wanted(r)
	s, err := i.check(ctx, r, wanted)
	if err != nil {
		return nil, err
	}
	verdicts, err := i.examine(ctx, r, s, wanted)
	if err != nil {
		return nil, err
	}
	var out []PlannedChange
	for _, v := range verdicts {
		c := PlannedChange{Action: v.action, Kind: v.id.Kind, Namespace: v.id.Namespace, Name: v.id.Name, Component: v.component}
		switch v.action {
		case Use:
			c.Owner = Owner(v.live)
		case Change, Create:
			c.Fields = diff.Objects(v.live, v.after)
		}
		out = append(out, c)
	}
	for _, set := range s.pruned(r.Revision) {
		for _, id := range s.prunable(set, wanted) {
			out = append(out, PlannedChange{Action: Delete, Kind: id.Kind, Namespace: id.Namespace, Name: id.Name})
		}
	}
	return out, nil
}

// explain adds what to do to errors of the server that need it.
func explain(err error) error {
	if hint := hintFor(err.Error()); hint != "" {
		return fmt.Errorf("%w: %s", err, hint)
	}
	return err
}
