package leader

import (
	"context"
	"log/slog"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
)

const (
	requestTimeout = 10 * time.Second
	retryFirst     = 100 * time.Millisecond
	retryMost      = time.Minute
	fieldManager   = "meshd"
)

// reconciler makes single objects right, one at a time and each again until it is.
type reconciler struct {
	name  string
	log   *slog.Logger
	one   func(ctx context.Context, key string) error
	queue workqueue.TypedRateLimitingInterface[string]
}

func newReconciler(name string, log *slog.Logger, one func(context.Context, string) error) *reconciler {
	limits := workqueue.NewTypedItemExponentialFailureRateLimiter[string](retryFirst, retryMost)
	return &reconciler{name: name, log: log, one: one, queue: workqueue.NewTypedRateLimitingQueue(limits)}
}

// run follows watched objects until ctx is done. Work begins when all of them are known; changed adds to the queue whatever depends on
// something else than objects.
func (r *reconciler) run(ctx context.Context, watched ...*watched) error {
	var running sync.WaitGroup
	defer running.Wait()
	var known []cache.InformerSynced
	for _, w := range watched {
		running.Go(func() { w.controller.RunWithContext(ctx) })
		known = append(known, w.controller.HasSynced)
	}
	running.Go(func() {
		<-ctx.Done()
		r.queue.ShutDown()
	})
	if !cache.WaitForCacheSync(ctx.Done(), known...) {
		return nil
	}
	for {
		key, end := r.queue.Get()
		if end {
			return nil
		}
		r.do(ctx, key)
	}
}

func (r *reconciler) do(ctx context.Context, key string) {
	defer r.queue.Done(key)
	limited, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	err := r.one(limited, key)
	if err == nil || ctx.Err() != nil {
		r.queue.Forget(key)
		return
	}
	if !apierrors.IsConflict(err) && !apierrors.IsAlreadyExists(err) { // those mean that what is known is a little old
		r.log.Warn("not written, trying again", "writer", r.name, "object", key, "error", err)
	}
	r.queue.AddRateLimited(key)
}

// watched are the objects of a resource, without what nobody here looks at.
type watched struct {
	store      cache.Store
	controller cache.Controller
}

// watch follows a resource of all namespaces, only those objects that have a name unless it is empty. key names what is to be done for an
// object; "" is nothing.
func (r *reconciler) watch(client rest.Interface, resource, name string, kind runtime.Object, key func(any) string) *watched {
	only := fields.Everything()
	if name != "" {
		only = fields.OneTermEqualSelector("metadata.name", name)
	}
	add := func(o any) {
		if gone, ok := o.(cache.DeletedFinalStateUnknown); ok {
			o = gone.Obj
		}
		if k := key(o); k != "" {
			r.queue.Add(k)
		}
	}
	store, controller := cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: cache.NewListWatchFromClient(client, resource, "", only),
		ObjectType:    kind,
		Handler:       cache.ResourceEventHandlerFuncs{AddFunc: add, UpdateFunc: func(_, o any) { add(o) }, DeleteFunc: add},
		Transform:     withoutManagedFields,
	})
	return &watched{store, controller}
}

// withoutManagedFields drops what is large and left as it is by an update that does not have it.
func withoutManagedFields(o any) (any, error) {
	if m, err := meta.Accessor(o); err == nil {
		m.SetManagedFields(nil)
	}
	return o, nil
}
