package client

import (
	"context"
	"fmt"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
)

// Ref names an object. Without a version it is looked for in the one that the cluster prefers.
type Ref struct {
	schema.GroupVersionKind
	Namespace, Name string
}

// RefOf returns the reference to an object.
func RefOf(u *unstructured.Unstructured) Ref {
	return Ref{u.GroupVersionKind(), u.GetNamespace(), u.GetName()}
}

// String names the object for people, as in "Deployment istio-system/istiod".
func (r Ref) String() string {
	if r.Namespace == "" {
		return r.Kind + " " + r.Name
	}
	return r.Kind + " " + r.Namespace + "/" + r.Name
}

func (c *Client) resource(ctx context.Context, k schema.GroupVersionKind, namespace string) (dynamic.ResourceInterface, error) {
	kind, err := c.Kind(ctx, k)
	if err != nil {
		return nil, err
	}
	r := c.dynamic.Resource(kind.GVR())
	if !kind.Namespaced || namespace == "" {
		return r, nil
	}
	return r.Namespace(namespace), nil
}

// do runs one call about one object.
func (c *Client) do(ctx context.Context, r Ref, once func(context.Context, dynamic.ResourceInterface) error) error {
	resource, err := c.resource(ctx, r.GroupVersionKind, r.Namespace)
	if err == nil {
		err = c.call(ctx, func(ctx context.Context) error { return once(ctx, resource) })
	}
	if err = c.unreachable(err); err != nil {
		return fmt.Errorf("%s: %w", r, err)
	}
	return nil
}

// Get returns an object, or nil when there is none, nor its kind.
func (c *Client) Get(ctx context.Context, r Ref) (*unstructured.Unstructured, error) {
	var out *unstructured.Unstructured
	err := c.do(ctx, r, func(ctx context.Context, i dynamic.ResourceInterface) (err error) {
		out, err = i.Get(ctx, r.Name, metav1.GetOptions{})
		return err
	})
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

func absent(err error) bool { return apierrors.IsNotFound(err) || meta.IsNoMatchError(err) }

// Selection narrows a list. Its fields are those of the API.
type Selection struct{ Namespace, Labels, Fields string }

// List returns the objects of a kind; none when the cluster does not have the kind. It reads page by page.
func (c *Client) List(ctx context.Context, k schema.GroupVersionKind, s Selection) ([]unstructured.Unstructured, error) {
	resource, err := c.resource(ctx, k, s.Namespace)
	if meta.IsNoMatchError(err) {
		return nil, nil
	}
	var out []unstructured.Unstructured
	token := ""
	for err == nil {
		var page *unstructured.UnstructuredList
		err = c.call(ctx, func(ctx context.Context) (err error) {
			page, err = resource.List(ctx, metav1.ListOptions{LabelSelector: s.Labels, FieldSelector: s.Fields, Limit: 500, Continue: token})
			return err
		})
		if err != nil {
			break
		}
		out = append(out, page.Items...)
		if token = page.GetContinue(); token == "" {
			return out, nil
		}
	}
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return nil, fmt.Errorf("list %s: %w", k.Kind, c.unreachable(err))
}

// ApplyOptions say how to apply.
type ApplyOptions struct {
	// Force takes fields over from other managers; without it the error has Conflicts.
	Force bool
	// DryRun has the server check and answer, and keep nothing.
	DryRun bool
}

// Apply is server-side apply of the object as the field manager Manager. It returns the object as it is then.
func (c *Client) Apply(ctx context.Context, u *unstructured.Unstructured, o ApplyOptions) (*unstructured.Unstructured, error) {
	options := metav1.ApplyOptions{FieldManager: Manager, Force: o.Force}
	if o.DryRun {
		options.DryRun = []string{metav1.DryRunAll}
	}
	var out *unstructured.Unstructured
	err := c.do(ctx, RefOf(u), func(ctx context.Context, i dynamic.ResourceInterface) (err error) {
		out, err = i.Apply(ctx, u.GetName(), u, options)
		return err
	})
	return out, err
}

// Replace gives an object the content, and the managers, that it had before. version is the one that is replaced.
func (c *Client) Replace(ctx context.Context, before *unstructured.Unstructured, version string) error {
	u := before.DeepCopy()
	u.SetResourceVersion(version)
	return c.do(ctx, RefOf(u), func(ctx context.Context, i dynamic.ResourceInterface) error {
		_, err := i.Update(ctx, u, metav1.UpdateOptions{FieldManager: Manager})
		return err
	})
}

// Delete deletes an object; that it is gone already, or its kind, is no error. uid, unless empty, is that of the object that is meant:
// another one of the same name stays.
func (c *Client) Delete(ctx context.Context, r Ref, uid types.UID) error {
	background := metav1.DeletePropagationBackground
	options := metav1.DeleteOptions{PropagationPolicy: &background}
	if uid != "" {
		options.Preconditions = &metav1.Preconditions{UID: &uid}
	}
	err := c.do(ctx, r, func(ctx context.Context, i dynamic.ResourceInterface) error { return i.Delete(ctx, r.Name, options) })
	if absent(err) {
		return nil
	}
	return err
}

// Watch watches the objects of a kind from a resource version on. It ends with ctx, and whenever the server ends it.
func (c *Client) Watch(ctx context.Context, k schema.GroupVersionKind, s Selection, version string) (watch.Interface, error) {
	resource, err := c.resource(ctx, k, s.Namespace)
	if err != nil {
		return nil, err
	}
	return resource.Watch(quiet(ctx), metav1.ListOptions{
		LabelSelector: s.Labels, FieldSelector: s.Fields, ResourceVersion: version, AllowWatchBookmarks: true,
	})
}

// ListOnce is one list without pages, with the resource version to watch from.
func (c *Client) ListOnce(ctx context.Context, k schema.GroupVersionKind, s Selection) (list *unstructured.UnstructuredList, err error) {
	resource, err := c.resource(ctx, k, s.Namespace)
	if err != nil {
		return nil, err
	}
	err = c.call(ctx, func(ctx context.Context) (err error) {
		list, err = resource.List(ctx, metav1.ListOptions{LabelSelector: s.Labels, FieldSelector: s.Fields})
		return err
	})
	return list, c.unreachable(err)
}

// Each runs do for every item at the same time and waits for all. How many calls run is the client's to bound.
func Each[T any](items []T, do func(i int, item T)) {
	var wait sync.WaitGroup
	for i, item := range items {
		wait.Go(func() { do(i, item) })
	}
	wait.Wait()
}
