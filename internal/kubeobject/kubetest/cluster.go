// Package kubetest stands in for an API server in tests of single parts, where test/cluster's real one is too much or cannot fail on
// demand. Only tests import it.
package kubetest

import (
	"strconv"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/testing"
)

// Cluster is a dynamic client of client-go's for tests that also has resource versions, conflicts and field selectors by name. Events
// between a list and the watch after it are lost, as client-go's are: write when who watches does so.
type Cluster struct {
	*fake.FakeDynamicClient

	mu       sync.Mutex
	versions int
	fail     func(verb, resource string) error
}

// New returns a cluster of some kinds without objects.
func New(kinds ...schema.GroupVersionKind) *Cluster {
	lists := map[schema.GroupVersionResource]string{}
	for _, kind := range kinds {
		resource, _ := meta.UnsafeGuessKindToResource(kind)
		lists[resource] = kind.Kind + "List"
	}
	c := &Cluster{FakeDynamicClient: fake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), lists)}
	c.PrependReactor("create", "*", c.write)
	c.PrependReactor("update", "*", c.write)
	c.PrependReactor("list", "*", c.list)
	c.PrependReactor("*", "*", func(a testing.Action) (bool, runtime.Object, error) {
		err := c.refusal(a.GetVerb(), a.GetResource().Resource)
		return err != nil, nil, err
	})
	c.PrependWatchReactor("*", c.watch)
	return c
}

// Fail has requests fail for which with returns an error; nil is none.
func (c *Cluster) Fail(with func(verb, resource string) error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fail = with
}

func (c *Cluster) refusal(verb, resource string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fail == nil {
		return nil
	}
	return c.fail(verb, resource)
}

func (c *Cluster) write(a testing.Action) (bool, runtime.Object, error) {
	written, ok := a.(testing.CreateAction) // updates are of that form, too
	if !ok {
		return false, nil, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	u, ok := written.GetObject().(*unstructured.Unstructured)
	if !ok {
		return false, nil, nil
	}
	before, err := c.Tracker().Get(a.GetResource(), a.GetNamespace(), u.GetName())
	if m, ok := before.(metav1.Object); err == nil && ok && a.GetVerb() == "update" && m.GetResourceVersion() != u.GetResourceVersion() {
		return true, nil, apierrors.NewConflict(a.GetResource().GroupResource(), u.GetName(), nil)
	}
	c.versions++
	u.SetResourceVersion(strconv.Itoa(c.versions))
	if a.GetVerb() == "create" {
		err = c.Tracker().Create(a.GetResource(), u, a.GetNamespace())
	} else {
		err = c.Tracker().Update(a.GetResource(), u, a.GetNamespace())
	}
	return true, u.DeepCopy(), err
}

func (c *Cluster) list(a testing.Action) (bool, runtime.Object, error) {
	listed, ok := a.(testing.ListActionImpl)
	if !ok {
		return false, nil, nil
	}
	all, err := c.Tracker().List(a.GetResource(), listed.Kind, a.GetNamespace())
	if err != nil {
		return true, nil, err
	}
	items, err := meta.ExtractList(all)
	if err != nil {
		return true, nil, err
	}
	out := &unstructured.UnstructuredList{}
	for _, o := range items {
		if u, ok := o.(*unstructured.Unstructured); ok && named(u, listed.GetListRestrictions().Fields) {
			out.Items = append(out.Items, *u)
		}
	}
	return true, out, nil
}

func (c *Cluster) watch(a testing.Action) (bool, watch.Interface, error) {
	if err := c.refusal("watch", a.GetResource().Resource); err != nil {
		return true, nil, err
	}
	watched, ok := a.(testing.WatchActionImpl)
	if !ok {
		return false, nil, nil
	}
	all, err := c.Tracker().Watch(a.GetResource(), a.GetNamespace())
	if err != nil {
		return true, nil, err
	}
	return true, watch.Filter(all, func(e watch.Event) (watch.Event, bool) {
		u, ok := e.Object.(*unstructured.Unstructured)
		return e, ok && named(u, watched.WatchRestrictions.Fields)
	}), nil
}

func named(u *unstructured.Unstructured, by fields.Selector) bool {
	return by == nil || by.Matches(fields.Set{"metadata.name": u.GetName()})
}
