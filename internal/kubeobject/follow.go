package kubeobject

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/cache"
)

// Follow returns what keeps a store of the objects that a selector of only names, once it runs. They are *T, without managed fields and
// without what trim, unless nil, takes away. changed is called, never twice at a time, for each that comes, changes or goes.
func (o Objects[T]) Follow(only metav1.ListOptions, trim, changed func(*T)) (cache.Store, cache.Controller) {
	told := func(object any) {
		if gone, ok := object.(cache.DeletedFinalStateUnknown); ok {
			object = gone.Obj
		}
		if t, ok := object.(*T); ok {
			changed(t)
		}
	}
	return cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: ListWatch(o.client, o.at, only),
		ObjectType:    &unstructured.Unstructured{},
		Handler:       cache.ResourceEventHandlerFuncs{AddFunc: told, UpdateFunc: func(_, now any) { told(now) }, DeleteFunc: told},
		Transform: func(object any) (any, error) {
			u, ok := object.(*unstructured.Unstructured)
			if !ok {
				return object, nil
			}
			u.SetManagedFields(nil) // large, and left as it is by an update that does not have it
			t, err := typed[T](u, nil)
			if err == nil && trim != nil {
				trim(t)
			}
			return t, err
		},
	})
}

// ListWatch lists and watches those objects of a resource of a client that a selector of only names.
func ListWatch(client dynamic.Interface, at dynamic.ResourceInterface, only metav1.ListOptions) cache.ListerWatcher {
	selected := func(o metav1.ListOptions) metav1.ListOptions {
		o.LabelSelector, o.FieldSelector = only.LabelSelector, only.FieldSelector
		return o
	}
	return cache.ToListWatcherWithWatchListSemantics(&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			return at.List(ctx, selected(o))
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			return at.Watch(ctx, selected(o))
		},
	}, client)
}

// Named selects the object of a name.
func Named(name string) metav1.ListOptions {
	return metav1.ListOptions{FieldSelector: "metadata.name=" + name}
}
