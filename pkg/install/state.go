package install

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshctl/meshctl/pkg/install/client"
	"github.com/meshctl/meshctl/pkg/install/inventory"
)

// state is what the cluster has of what matters to us.
type state struct {
	inventories map[string]inventory.Inventory // by set
	live        map[inventory.ID]*unstructured.Unstructured
}

// read asks for the inventories, and for every object that they or the request name.
func (i *Installer) read(ctx context.Context, wanted []desired) (state, error) {
	s := state{live: map[inventory.ID]*unstructured.Unstructured{}}
	var err error
	if s.inventories, err = i.Inventories(ctx); err != nil {
		return s, err
	}
	versions := map[inventory.ID]client.Ref{}
	for _, set := range s.inventories {
		for id := range set.Objects {
			versions[id] = id.Ref()
		}
	}
	for _, d := range wanted { // in the version that is rendered
		versions[d.id] = client.RefOf(d.object)
	}
	ids := make([]inventory.ID, 0, len(versions))
	for id := range versions {
		ids = append(ids, id)
	}
	found := make([]*unstructured.Unstructured, len(ids))
	failed := make([]error, len(ids))
	client.Each(ids, func(n int, id inventory.ID) { found[n], failed[n] = i.settled(ctx, versions[id]) })
	for n, id := range ids {
		if found[n] != nil {
			s.live[id] = found[n]
		}
	}
	return s, errors.Join(compact(failed)...)
}

// endsWithin is how long an object that is being deleted may take to go.
const endsWithin = 30 * time.Second

// settled returns an object; one that is being deleted is waited for, since what is applied to it would go with it.
func (i *Installer) settled(ctx context.Context, r client.Ref) (*unstructured.Unstructured, error) {
	end := time.Now().Add(endsWithin)
	clock := time.NewTicker(200 * time.Millisecond)
	defer clock.Stop()
	for {
		u, err := i.Client.Get(ctx, r)
		if err != nil || u == nil || u.GetDeletionTimestamp() == nil {
			return u, err
		}
		if time.Now().After(end) {
			return nil, fmt.Errorf("%s is being deleted and does not go (finalizers %v): see what holds it", r, u.GetFinalizers())
		}
		select {
		case <-clock.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Inventories are those of the system namespace, by set.
func (i *Installer) Inventories(ctx context.Context) (map[string]inventory.Inventory, error) {
	maps, err := i.Client.List(ctx, configMapKind, client.Selection{Namespace: i.Namespace, Labels: inventory.Label})
	if err != nil {
		return nil, err
	}
	out := map[string]inventory.Inventory{}
	for n := range maps {
		set, err := inventory.Parse(&maps[n])
		if err != nil {
			return nil, fmt.Errorf("an inventory that cannot be read: %w", err)
		}
		out[set.Set] = set
	}
	return out, nil
}

// set returns an inventory, an empty one when there is none.
func (s state) set(name string) inventory.Inventory {
	if set, there := s.inventories[name]; there {
		return set
	}
	return inventory.New(name)
}

// origin is what the inventories say of an object.
func (s state) origin(id inventory.ID) (inventory.Origin, bool) {
	for _, set := range s.inventories {
		if origin, in := set.Objects[id]; in {
			return origin, true
		}
	}
	return "", false
}

// revisions are the sets of revisions that are installed, in order.
func (s state) revisions() []string {
	var out []string
	for set := range s.inventories {
		if set != inventory.Base {
			out = append(out, set)
		}
	}
	slices.Sort(out)
	return out
}

func compact(errs []error) []error {
	return slices.DeleteFunc(errs, func(err error) bool { return err == nil })
}

// Revisions are those that are installed, in order; "default" is the one without a name.
func (i *Installer) Revisions(ctx context.Context) ([]string, error) {
	there, err := i.Inventories(ctx)
	return state{inventories: there}.revisions(), err
}
