package leader

import (
	"context"
	"log/slog"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"

	"github.com/meshctl/meshctl/internal/kubeobject"
)

const (
	requestTimeout = 10 * time.Second
	retryFirst     = 100 * time.Millisecond
	retryMost      = time.Minute
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
func (r *reconciler) run(ctx context.Context, watched ...watched) error {
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

// watched are the objects of a kind.
type watched struct {
	store      cache.Store
	controller cache.Controller
}

// watch follows objects. key names what is to be done for one of them; "" is nothing.
func watch[T any](r *reconciler, objects kubeobject.Objects[T], only metav1.ListOptions, key func(*T) string) watched {
	store, controller := objects.Follow(only, nil, func(t *T) {
		if k := key(t); k != "" {
			r.queue.Add(k)
		}
	})
	return watched{store, controller}
}

// known returns what a store has under a key, nil when there is nothing.
func known[T any](store cache.Store, key string) *T {
	o, _, err := store.GetByKey(key)
	if t, ok := o.(*T); err == nil && ok {
		return t
	}
	return nil
}
