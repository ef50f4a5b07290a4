package leader

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/cache"

	"github.com/meshctl/meshctl/internal/digest"
	"github.com/meshctl/meshctl/internal/gatewaydeploy"
	"github.com/meshctl/meshctl/internal/kubeobject"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh/convert"
)

var (
	classes     = schema.GroupVersionResource{Group: "gateway.networking.k8s.io", Version: "v1", Resource: "gatewayclasses"}
	definitions = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
)

// deployedKinds are those of which something is made for Gateways.
func deployedKinds() []schema.GroupVersionKind {
	return []schema.GroupVersionKind{
		{Version: "v1", Kind: "ServiceAccount"}, {Version: "v1", Kind: "Service"}, {Group: "apps", Version: "v1", Kind: "Deployment"},
		{Group: "autoscaling", Version: "v2", Kind: "HorizontalPodAutoscaler"}, {Group: "policy", Version: "v1", Kind: "PodDisruptionBudget"},
	}
}

func resourceOf(kind schema.GroupVersionKind) schema.GroupVersionResource {
	return kind.GroupVersion().WithResource(strings.ToLower(kind.Kind) + "s")
}

// live is what there is of an object that was made for a Gateway.
type live struct {
	id      objectID
	uid     types.UID
	gateway string
	// shape is the digest of what somebody might have changed.
	shape string
}

// gatewayWatch follows what was made for Gateways, and whether the Gateway API is there.
type gatewayWatch struct {
	changed     chan struct{}
	controllers []cache.Controller

	mu      sync.Mutex
	objects map[objectID]live
	class   bool
	events  int
}

func newGatewayWatch(client dynamic.Interface) *gatewayWatch {
	w := &gatewayWatch{changed: make(chan struct{}, 1), objects: map[objectID]live{}}
	for _, kind := range deployedKinds() {
		w.follow(client, resourceOf(kind), metav1.ListOptions{LabelSelector: gatewaydeploy.ManagedLabel + "=" + gatewaydeploy.Managed},
			func(u *unstructured.Unstructured, gone bool) { w.object(kind, u, gone) })
	}
	w.follow(client, definitions, kubeobject.Named(classes.GroupResource().String()),
		func(_ *unstructured.Unstructured, gone bool) { w.class = !gone })
	return w
}

// follow tells note, one at a time, of the objects of a resource. Nothing but names is kept of them here.
func (w *gatewayWatch) follow(client dynamic.Interface, of schema.GroupVersionResource, only metav1.ListOptions, note func(u *unstructured.Unstructured, gone bool)) {
	told := func(o any, gone bool) {
		if last, ok := o.(cache.DeletedFinalStateUnknown); ok {
			o = last.Obj
		}
		u, ok := o.(*unstructured.Unstructured)
		if !ok {
			return
		}
		w.mu.Lock()
		note(u, gone)
		w.events++
		w.mu.Unlock()
		select {
		case w.changed <- struct{}{}:
		default:
		}
	}
	_, controller := cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: kubeobject.ListWatch(client, client.Resource(of), only),
		ObjectType:    &unstructured.Unstructured{},
		Handler: cache.ResourceEventHandlerFuncs{
			AddFunc: func(o any) { told(o, false) }, UpdateFunc: func(_, o any) { told(o, false) }, DeleteFunc: func(o any) { told(o, true) },
		},
		Transform: reduced,
	})
	w.controllers = append(w.controllers, controller)
}

// shapeAnnotation is where reduced leaves the shape of an object.
const shapeAnnotation = "shape"

// reduced is an object without what nobody here looks at.
func reduced(o any) (any, error) {
	u, ok := o.(*unstructured.Unstructured)
	if !ok {
		return o, nil
	}
	out := &unstructured.Unstructured{Object: map[string]any{"apiVersion": u.GetAPIVersion(), "kind": u.GetKind()}}
	out.SetName(u.GetName())
	out.SetNamespace(u.GetNamespace())
	out.SetUID(u.GetUID())
	out.SetResourceVersion(u.GetResourceVersion())
	out.SetLabels(u.GetLabels())
	out.SetAnnotations(map[string]string{shapeAnnotation: shapeOf(u)})
	return out, nil
}

// shapeOf is the digest of an object without what changes by itself.
func shapeOf(u *unstructured.Unstructured) string {
	object := maps.Clone(u.Object)
	delete(object, "status")
	meta := map[string]any{"labels": u.GetLabels(), "annotations": u.GetAnnotations(), "owners": u.GetOwnerReferences(), "uid": u.GetUID()}
	object["metadata"] = meta
	data, err := json.Marshal(object)
	if err != nil {
		return u.GetResourceVersion()
	}
	sum := digest.Of(string(data))
	return string(sum[:])
}

func (w *gatewayWatch) object(kind schema.GroupVersionKind, u *unstructured.Unstructured, gone bool) {
	id := objectID{kind, u.GetNamespace(), u.GetName()}
	if delete(w.objects, id); gone {
		return
	}
	w.objects[id] = live{id, u.GetUID(), u.GetLabels()[convert.LabelGatewayName], u.GetAnnotations()[shapeAnnotation]}
}

// run follows until ctx is done.
func (w *gatewayWatch) run(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	for _, c := range w.controllers {
		running.Go(func() { c.RunWithContext(ctx) })
	}
}

// wait waits until everything is known; false when ctx was done before.
func (w *gatewayWatch) wait(ctx context.Context) bool {
	var known []cache.InformerSynced
	for _, c := range w.controllers {
		known = append(known, c.HasSynced)
	}
	return cache.WaitForCacheSync(ctx.Done(), known...)
}

func (w *gatewayWatch) get(id objectID) (live, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	l, ok := w.objects[id]
	return l, ok
}

// of are the objects of a Gateway.
func (w *gatewayWatch) of(gateway config.Key) []live {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []live
	for _, l := range w.objects {
		if l.id.namespace == gateway.Namespace && l.gateway == gateway.Name {
			out = append(out, l)
		}
	}
	slices.SortFunc(out, func(a, b live) int { return strings.Compare(a.id.String(), b.id.String()) })
	return out
}

// seen counts what was heard of the cluster, from 1.
func (w *gatewayWatch) seen() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.events + 1
}

// served reports whether there are GatewayClasses.
func (w *gatewayWatch) served() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.class
}
