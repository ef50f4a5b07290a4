package wait

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/meshctl/meshctl/pkg/install/client"
)

// place is what one feed watches: a kind in one namespace, or in the cluster when the namespace is empty.
type place struct {
	kind      schema.GroupVersionKind
	namespace string
}

// update is a change of what a place holds: all of it after a list, or one object.
type update struct {
	place place
	full  []unstructured.Unstructured // when listed
	// listed tells an empty list from no list.
	listed  bool
	object  *unstructured.Unstructured
	deleted bool
	// failed is why the place cannot be read; the feed goes on trying unless it is forbidden.
	failed error
}

const retry = time.Second

// feed lists a place and watches it until ctx ends, and begins again whenever the watch ends.
func feed(ctx context.Context, c *client.Client, p place, out chan<- update) {
	send := func(u update) bool {
		u.place = p
		select {
		case out <- u:
			return true
		case <-ctx.Done():
			return false
		}
	}
	for {
		err := follow(ctx, c, p, send)
		if ctx.Err() != nil {
			return
		}
		if err != nil && !send(update{failed: err}) || apierrors.IsForbidden(err) {
			return
		}
		if err == nil {
			continue // the server ends watches from time to time
		}
		timer := time.NewTimer(retry)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

func follow(ctx context.Context, c *client.Client, p place, send func(update) bool) error {
	selection := client.Selection{Namespace: p.namespace}
	list, err := c.ListOnce(ctx, p.kind, selection)
	if err != nil {
		return err
	}
	if !send(update{listed: true, full: list.Items}) {
		return ctx.Err()
	}
	w, err := c.Watch(ctx, p.kind, selection, list.GetResourceVersion())
	if err != nil {
		return err
	}
	defer w.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case event, open := <-w.ResultChan():
			if !open || event.Type == watch.Error {
				return nil
			}
			object, ok := event.Object.(*unstructured.Unstructured)
			if !ok || event.Type == watch.Bookmark {
				continue
			}
			if !send(update{object: object, deleted: event.Type == watch.Deleted}) {
				return ctx.Err()
			}
		}
	}
}

// store is what the feeds have told.
type store struct {
	places map[place]map[types.UID]*unstructured.Unstructured
	failed map[place]error
}

func newStore() *store {
	return &store{places: map[place]map[types.UID]*unstructured.Unstructured{}, failed: map[place]error{}}
}

func (s *store) apply(u update) {
	switch {
	case u.failed != nil:
		s.failed[u.place] = u.failed
		return
	case u.listed:
		objects := make(map[types.UID]*unstructured.Unstructured, len(u.full))
		for i := range u.full {
			objects[u.full[i].GetUID()] = &u.full[i]
		}
		s.places[u.place] = objects
	case u.deleted:
		delete(s.places[u.place], u.object.GetUID())
	default:
		if s.places[u.place] != nil {
			s.places[u.place][u.object.GetUID()] = u.object
		}
	}
	delete(s.failed, u.place)
}

// named returns an object by its name, and whether the place has been read at all.
func (s *store) named(p place, name string) (object *unstructured.Unstructured, read bool) {
	objects, read := s.places[p]
	for _, o := range objects {
		if o.GetName() == name {
			return o, true
		}
	}
	return nil, read
}

// ownedBy returns the objects of a place that an owner controls.
func (s *store) ownedBy(p place, owner types.UID) []*unstructured.Unstructured {
	var out []*unstructured.Unstructured
	for _, o := range s.places[p] {
		for _, r := range o.GetOwnerReferences() {
			if r.UID == owner {
				out = append(out, o)
			}
		}
	}
	return out
}

// told reports whether something is known of all places, so that what is missing is missing in the cluster.
func (s *store) told(objects []client.Ref) bool {
	for _, p := range places(objects) {
		if s.places[p] == nil && s.failed[p] == nil {
			return false
		}
	}
	return true
}
