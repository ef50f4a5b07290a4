// Package kubeobject reads, writes and follows single kinds of Kubernetes' own objects as Go types, through client-go's dynamic client.
// Client-go's typed clients, and its leader election with them, link every type of Kubernetes' API.
package kubeobject

import (
	"context"
	"fmt"
	"reflect"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
)

// Manager is the field manager of what a control plane writes
// (https://kubernetes.io/docs/reference/using-api/server-side-apply/#managers).
const Manager = "meshd"

// Objects are those of one kind. T is its type in k8s.io/api, which is called like the kind.
type Objects[T any] struct {
	client dynamic.Interface
	at     dynamic.ResourceInterface
	kind   schema.GroupVersionKind
}

// In returns the objects in a namespace; "" is for all namespaces, and for kinds that are in none.
func In[T any](client dynamic.Interface, version schema.GroupVersion, namespace string) Objects[T] {
	kind := version.WithKind(reflect.TypeFor[T]().Name())
	resource, _ := meta.UnsafeGuessKindToResource(kind)
	o := Objects[T]{client: client, at: client.Resource(resource), kind: kind}
	if namespace != "" {
		o.at = client.Resource(resource).Namespace(namespace)
	}
	return o
}

// Get returns an object. Errors are those of k8s.io/apimachinery/pkg/api/errors, here as below.
func (o Objects[T]) Get(ctx context.Context, name string) (*T, error) {
	u, err := o.at.Get(ctx, name, metav1.GetOptions{})
	return typed[T](u, err)
}

// Create stores an object that is not there yet, and returns what was stored.
func (o Objects[T]) Create(ctx context.Context, t *T) (*T, error) {
	u, err := o.untyped(t)
	if err != nil {
		return nil, err
	}
	u, err = o.at.Create(ctx, u, metav1.CreateOptions{FieldManager: Manager})
	return typed[T](u, err)
}

// Update replaces an object, unless it has changed since it was read.
func (o Objects[T]) Update(ctx context.Context, t *T) (*T, error) {
	u, err := o.untyped(t)
	if err != nil {
		return nil, err
	}
	u, err = o.at.Update(ctx, u, metav1.UpdateOptions{FieldManager: Manager})
	return typed[T](u, err)
}

func (o Objects[T]) untyped(t *T) (*unstructured.Unstructured, error) {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(t)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.kind.Kind, err)
	}
	u := &unstructured.Unstructured{Object: fields}
	u.SetGroupVersionKind(o.kind)
	return u, nil
}

func typed[T any](u *unstructured.Unstructured, err error) (*T, error) {
	if err != nil {
		return nil, err
	}
	t := new(T)
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, t); err != nil {
		return nil, fmt.Errorf("%s %s is not what it should be: %w", u.GetKind(), u.GetName(), err)
	}
	return t, nil
}
