package leader

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/meshctl/meshctl/internal/digest"
	"github.com/meshctl/meshctl/internal/gatewaydeploy"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh/convert"
)

const (
	// gatewayManager owns the fields of what is deployed for Gateways, under the name that it has in Istio.
	gatewayManager = gatewaydeploy.Managed
	// settleGateways is how long changes are collected before deployments are computed.
	settleGateways = 200 * time.Millisecond
	// retryGateways is when what failed is tried again.
	retryGateways = 5 * time.Second
)

// Gateways deploys proxies for the Gateways of the Gateway API, and has the class that they are of.
type Gateways struct {
	Client dynamic.Interface
	// Mine tells the revision and the tags that this control plane goes by from others, and returns a text that differs when they do. Who says
	// nothing asks for "default".
	Mine func() (mine func(revision string) bool, names string)
	// Objects are those of the mesh now; Wanted returns what is to be deployed for its Gateways of the revisions and tags for which mine
	// says so. It is asked when gatewaydeploy.Stamp of Objects or the names differ.
	Objects func() config.Set
	Wanted  func(mine func(revision string) bool) ([]gatewaydeploy.Deployment, error)
	// Changed is sent to when Objects or names are others; it may lose sends while one waits.
	Changed <-chan struct{}
	Log     *slog.Logger
}

// Writer returns what writes.
func (g Gateways) Writer() Writer {
	return Writer{Name: "gateways", Run: func(ctx context.Context) error {
		w := &gatewayWriter{Gateways: g, applied: map[objectID]applied{}, told: map[config.Key]string{}}
		return w.run(ctx)
	}}
}

// gatewayWriter is one run.
type gatewayWriter struct {
	Gateways
	live *gatewayWatch
	// wanted is what was computed for the objects of a stamp and some tags.
	wanted []gatewaydeploy.Deployment
	stamp  string
	// seen counts what was known of the cluster when all of it was last in place, 0 while something is not.
	seen int
	// applied is what was written of each object, and what it looked like then; told is what was said last of each Gateway.
	applied map[objectID]applied
	told    map[config.Key]string
}

type objectID struct {
	kind            schema.GroupVersionKind
	namespace, name string
}

func idOf(u *unstructured.Unstructured) objectID {
	return objectID{u.GroupVersionKind(), u.GetNamespace(), u.GetName()}
}

func (id objectID) String() string { return id.kind.Kind + " " + id.namespace + "/" + id.name }

type applied struct {
	want  [16]byte
	shape string
}

// run writes until ctx is done.
func (w *gatewayWriter) run(ctx context.Context) error {
	w.live = newGatewayWatch(w.Client)
	var running sync.WaitGroup
	defer running.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	running.Go(func() { w.live.run(ctx) })
	if !w.live.wait(ctx) {
		return nil
	}
	for {
		pause := time.NewTimer(settleGateways)
		select {
		case <-ctx.Done():
			pause.Stop()
			return nil
		case <-pause.C:
		}
		var again <-chan time.Time
		if !w.once(ctx) {
			again = time.After(retryGateways)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-w.Changed:
		case <-w.live.changed:
		case <-again:
		}
	}
}

// once makes what is deployed what it should be; false when something of it is to be tried again.
func (w *gatewayWriter) once(ctx context.Context) bool {
	done := true
	if err := w.class(ctx); err != nil {
		w.Log.Warn("GatewayClass not written, trying again", "error", err)
		done = false
	}
	seen := w.live.seen()
	fresh, err := w.compute()
	if err != nil {
		w.Log.Warn("gateways are not deployed, trying again", "error", err)
		return false
	}
	if !fresh && seen == w.seen {
		return done
	}
	told := map[config.Key]string{}
	for _, d := range w.wanted {
		err := w.deploy(ctx, d)
		if ctx.Err() != nil {
			return true
		}
		done = done && err == nil
		told[d.Gateway] = w.tell(d, err)
	}
	w.told, w.seen = told, 0
	if done {
		w.seen = seen
	}
	for id := range w.applied {
		if _, there := w.live.get(id); !there {
			delete(w.applied, id)
		}
	}
	return done
}

// compute finds out what is wanted, unless nothing that it depends on has changed: the mesh changes often, its Gateways rarely. It reports
// whether it had to.
func (w *gatewayWriter) compute() (fresh bool, err error) {
	mine, names := w.Mine()
	sum := gatewaydeploy.Stamp(w.Objects())
	stamp := names + " " + string(sum[:])
	if stamp == w.stamp {
		return false, nil
	}
	if w.wanted, err = w.Wanted(mine); err == nil {
		w.stamp = stamp
	}
	return true, err
}

// tell logs what is wrong with a deployment, once.
func (w *gatewayWriter) tell(d gatewaydeploy.Deployment, err error) string {
	if err == nil && d.Problem != "" {
		err = errors.New(d.Problem)
	}
	text := fmt.Sprint(err, d.Warnings)
	if text == w.told[d.Gateway] {
		return text
	}
	if err != nil {
		w.Log.Warn("gateway not deployed", "gateway", d.Gateway.Namespace+"/"+d.Gateway.Name, "error", err)
	}
	for _, warning := range d.Warnings {
		w.Log.Warn("gateway deployed, but", "gateway", d.Gateway.Namespace+"/"+d.Gateway.Name, "warning", warning)
	}
	return text
}

// deploy writes the objects of one Gateway, and removes those that it should no longer have. What a Gateway that is gone had is collected by
// Kubernetes.
func (w *gatewayWriter) deploy(ctx context.Context, d gatewaydeploy.Deployment) error {
	if d.Problem != "" {
		return nil
	}
	var failed []error
	keep := map[objectID]bool{}
	var write []*unstructured.Unstructured
	for _, u := range d.Objects {
		keep[idOf(u)] = true
		ours, err := w.ours(ctx, u)
		if failed = append(failed, err); ours {
			write = append(write, u)
		}
	}
	if err := errors.Join(failed...); err != nil {
		return err
	}
	for _, u := range write {
		failed = append(failed, w.apply(ctx, u))
	}
	if err := errors.Join(failed...); err != nil {
		return err
	}
	for _, had := range w.live.of(d.Gateway) {
		if !keep[had.id] {
			failed = append(failed, w.remove(ctx, had))
		}
	}
	return errors.Join(failed...)
}

// apply writes an object unless it is as it was written last.
func (w *gatewayWriter) apply(ctx context.Context, u *unstructured.Unstructured) error {
	id := idOf(u)
	data, err := json.Marshal(u)
	if err != nil {
		return err
	}
	want := digest.Of(string(data))
	had, there := w.live.get(id)
	if before, known := w.applied[id]; known && there && before.want == want && before.shape == had.shape {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	force := true
	now, err := w.at(id).Patch(ctx, id.name, types.ApplyPatchType, data, metav1.PatchOptions{FieldManager: gatewayManager, Force: &force})
	if err != nil {
		return fmt.Errorf("%s: %w", id, err)
	}
	if !there {
		w.Log.Info("deployed for a gateway", "object", id.String())
	}
	w.applied[id] = applied{want, shapeOf(now)}
	return nil
}

// ours reports whether an object may be written: what somebody else made under its name stays. A ServiceAccount of somebody's is used.
func (w *gatewayWriter) ours(ctx context.Context, u *unstructured.Unstructured) (bool, error) {
	id, gateway := idOf(u), u.GetLabels()[convert.LabelGatewayName]
	if had, there := w.live.get(id); there && had.gateway == gateway {
		return true, nil
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	now, err := w.at(id).Get(ctx, id.name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return true, nil
	case err != nil:
		return false, fmt.Errorf("%s: %w", id, err)
	case now.GetLabels()[gatewaydeploy.ManagedLabel] == gatewaydeploy.Managed && now.GetLabels()[convert.LabelGatewayName] == gateway:
		return true, nil
	case id.kind.Kind == "ServiceAccount":
		return false, nil
	}
	return false, fmt.Errorf("%s is there already, and was not made for this Gateway: remove it, or name what is made for the Gateway otherwise by its annotation gateway.istio.io/name-override", id)
}

func (w *gatewayWriter) remove(ctx context.Context, had live) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	err := w.at(had.id).Delete(ctx, had.id.name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &had.uid}})
	if err == nil {
		w.Log.Info("removed what a gateway no longer has", "object", had.id.String())
	}
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	delete(w.applied, had.id)
	return err
}

func (w *gatewayWriter) at(id objectID) dynamic.ResourceInterface {
	return w.Client.Resource(resourceOf(id.kind)).Namespace(id.namespace)
}

// class makes the GatewayClass where the Gateway API is served.
func (w *gatewayWriter) class(ctx context.Context) error {
	if !w.live.served() || w.Objects().Get(config.Key{Kind: config.GatewayClass, Name: convert.ClassName}) != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	class := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass",
		"metadata": map[string]any{"name": convert.ClassName, "labels": map[string]any{gatewaydeploy.ManagedLabel: gatewaydeploy.Managed}},
		"spec":     map[string]any{"controllerName": convert.Controller, "description": "Gateways of the mesh"},
	}}
	_, err := w.Client.Resource(classes).Create(ctx, class, metav1.CreateOptions{FieldManager: gatewayManager})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}
