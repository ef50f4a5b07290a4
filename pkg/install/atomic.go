package install

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshctl/meshctl/pkg/install/applied"
	"github.com/meshctl/meshctl/pkg/install/client"
	"github.com/meshctl/meshctl/pkg/install/inventory"
)

// restoreTimeout is how long restoring may take, after a failure that may have been a deadline.
const restoreTimeout = 2 * time.Minute

// restore brings back what was there before an installation that failed: the configuration that each object had from us, and no object
// that it had not. The error is the cause, and says whether it was undone.
func (o *operation) restore(ctx context.Context, wanted []desired, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), restoreTimeout)
	defer cancel()
	o.step("ended the installation, which failed; what was there before is being restored")
	now, err := o.read(ctx, wanted)
	if err == nil {
		err = errors.Join(o.reapply(ctx), o.removeNew(ctx, now, wanted), o.inventories(ctx))
	}
	if err == nil {
		err = o.removeNamespace(ctx, wanted)
	}
	if err != nil {
		return fmt.Errorf("%w\nwhat was there could not be restored altogether: %w", cause, err)
	}
	return fmt.Errorf("%w\nwhat was there before is restored", cause)
}

// reapply applies again what objects had from us, also to those that were deleted since.
func (o *operation) reapply(ctx context.Context) error {
	var before []*unstructured.Unstructured
	for id, u := range o.state.live {
		if st := stageOf("", id.GroupKind); st != stageNamespace {
			before = append(before, u)
		}
	}
	failed := make([]error, len(before))
	each(before, func(n int, u *unstructured.Unstructured) { failed[n] = o.putBack(ctx, u) })
	return errors.Join(compact(failed)...)
}

func (o *operation) putBack(ctx context.Context, before *unstructured.Unstructured) error {
	current, err := o.Client.Get(ctx, client.RefOf(before))
	if err != nil || current != nil && before.GetResourceVersion() == current.GetResourceVersion() {
		return err
	}
	config, err := applied.Extract(before, client.Manager)
	switch {
	case err != nil:
		return err
	case config != nil:
		_, err = o.Client.Apply(ctx, config, client.ApplyOptions{Force: true})
		return err
	case current != nil && applied.By(current, client.Manager): // taken over from its owner just now
		return o.Client.Replace(ctx, before, current.GetResourceVersion())
	}
	return nil
}

// removeNew deletes the objects that were not there before, in the opposite order; definitions only while nothing uses them.
func (o *operation) removeNew(ctx context.Context, now state, wanted []desired) error {
	for st := stages - 1; st > stageNamespace; st-- {
		var ids []inventory.ID
		for _, d := range wanted {
			if d.stage != st || o.state.live[d.id] != nil || now.live[d.id] == nil || !Ours(now.live[d.id]) {
				continue
			}
			if st == stageDefinitions {
				if used, err := o.inUse(ctx, d.object); err != nil || used > 0 {
					o.step(fmt.Sprintf("%s stays: it is in use", d.id))
					continue
				}
			}
			ids = append(ids, d.id)
		}
		if err := o.delete(ctx, ids, now.live); err != nil {
			return err
		}
		if err := o.gone(ctx, time.Now().Add(endsWithin), ids); err != nil {
			return err
		}
	}
	return nil
}

// inventories writes them as they were.
func (o *operation) inventories(ctx context.Context) error {
	var failed []error
	for _, set := range []string{inventory.Base, inventory.SetOf(o.request.Revision)} {
		if before, there := o.state.inventories[set]; there {
			failed = append(failed, o.record(ctx, before))
		} else {
			failed = append(failed, o.forget(ctx, set))
		}
	}
	return errors.Join(failed...)
}

// forget deletes an inventory.
func (i *Installer) forget(ctx context.Context, set string) error {
	return i.Client.Delete(ctx, client.Ref{GroupVersionKind: configMapKind, Namespace: i.Namespace, Name: inventory.Name(set)}, "")
}

// removeNamespace deletes the namespaces that the failed installation made.
func (o *operation) removeNamespace(ctx context.Context, wanted []desired) error {
	spaces := slices.DeleteFunc(slices.Clone(wanted), func(d desired) bool { return d.stage != stageNamespace || o.state.live[d.id] != nil })
	for _, d := range spaces {
		left, err := o.dropNamespace(ctx, d.id)
		if err != nil {
			return err
		}
		if len(left) > 0 {
			o.step(fmt.Sprintf("%s stays: others keep something in it: %s", d.id, joinComma(left)))
			continue
		}
		if err := o.gone(ctx, time.Now().Add(endsWithin), []inventory.ID{d.id}); err != nil {
			return err
		}
	}
	return nil
}
