package install

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshctl/meshctl/pkg/install/inventory"
)

// delete deletes objects as they were seen: one that was made anew under the same name stays.
func (i *Installer) delete(ctx context.Context, ids []inventory.ID, live map[inventory.ID]*unstructured.Unstructured) error {
	failed := make([]error, len(ids))
	each(ids, func(n int, id inventory.ID) {
		if u := live[id]; u != nil {
			failed[n] = i.Client.Delete(ctx, id.Ref(), u.GetUID())
		}
	})
	return errors.Join(compact(failed)...)
}

// gone waits until objects are gone.
func (i *Installer) gone(ctx context.Context, end time.Time, ids []inventory.ID) error {
	failed := make([]error, len(ids))
	each(ids, func(n int, id inventory.ID) { failed[n] = i.oneGone(ctx, end, id) })
	return errors.Join(compact(failed)...)
}

func (i *Installer) oneGone(ctx context.Context, end time.Time, id inventory.ID) error {
	clock := time.NewTicker(200 * time.Millisecond)
	defer clock.Stop()
	for {
		u, err := i.Client.Get(ctx, id.Ref())
		switch {
		case err != nil || u == nil || u.GetDeletionTimestamp() == nil: // one without is another of the same name
			return err
		case time.Now().After(end):
			return fmt.Errorf("%s does not go (finalizers %v): see what holds it", id, u.GetFinalizers())
		}
		select {
		case <-clock.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
