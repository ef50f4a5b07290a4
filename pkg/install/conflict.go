package install

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshctl/meshctl/pkg/install/applied"
	"github.com/meshctl/meshctl/pkg/install/client"
	"github.com/meshctl/meshctl/pkg/install/inventory"
)

// ConflictError is the error of an object of ours in which others have set fields.
type ConflictError struct {
	ID        inventory.ID
	Conflicts []client.Conflict
}

func (e *ConflictError) Error() string {
	parts := make([]string, len(e.Conflicts))
	for n, c := range e.Conflicts {
		parts[n] = fmt.Sprintf("%s has set %s", c.Manager, strings.TrimPrefix(c.Field, "."))
	}
	return fmt.Sprintf("%s: %s: set the same value with --set, have the change undone there, or overwrite it with --force-conflicts", e.ID, strings.Join(parts, ", "))
}

// put applies an object. Conflicts about fields that are ours by right are settled in our favour, others only when forced.
func (i *Installer) put(ctx context.Context, d desired, live *unstructured.Unstructured, force, dryRun bool) (*unstructured.Unstructured, error) {
	object := yield(d.object, live)
	options := client.ApplyOptions{Force: force || d.adopt, DryRun: dryRun}
	out, err := i.Client.Apply(ctx, object, options)
	conflicts := client.Conflicts(err)
	if len(conflicts) == 0 {
		return out, err
	}
	if others := slices.DeleteFunc(conflicts, byRight); len(others) > 0 {
		return nil, &ConflictError{d.id, others}
	}
	options.Force = true
	return i.Client.Apply(ctx, object, options)
}

// byRight are the fields that nobody else has a say in: those that meshctl itself wrote in another way, and the labels by which it knows
// its objects.
func byRight(c client.Conflict) bool {
	manager, _, _ := strings.Cut(c.Manager, " ")
	if manager == client.Manager {
		return true
	}
	for _, prefix := range []string{managedBy, "app.kubernetes.io/part-of", "operator.istio.io/", "meshctl.io/", "istio.io/rev"} {
		if strings.HasPrefix(strings.TrimPrefix(c.Field, ".metadata.labels."), prefix) {
			return true
		}
	}
	return false
}

// yield leaves to others what they decide while the mesh runs: the failure policy of a validating webhook to the control plane, which
// tightens it as soon as it answers, and whether an injector stands back to the tag "default".
func yield(object, live *unstructured.Unstructured) *unstructured.Unstructured {
	if live == nil || object.GroupVersionKind().Group != admissionGroup || !hasWebhooks(object) {
		return object
	}
	if object.GetKind() == injectorKind.Kind {
		now, out := webhooksOf(live), object.DeepCopy()
		edit(out, func(w map[string]any) {
			if is := now[w["name"]]; standsBack(is) {
				w["namespaceSelector"] = is["namespaceSelector"]
			}
		})
		return out
	}
	config, err := applied.Extract(live, client.Manager)
	if err != nil {
		return object
	}
	now, mine := webhooksOf(live), webhooksOf(config)
	out := object.DeepCopy()
	edit(out, func(w map[string]any) {
		is := now[w["name"]]
		if bundle, _, _ := unstructured.NestedString(is, "clientConfig", "caBundle"); bundle == "" {
			return
		}
		if w["failurePolicy"] = is["failurePolicy"]; mine[w["name"]]["failurePolicy"] == nil {
			delete(w, "failurePolicy")
		}
	})
	return out
}

// webhooksOf are the webhooks of a configuration by their names.
func webhooksOf(u *unstructured.Unstructured) map[any]map[string]any {
	out := map[any]map[string]any{}
	if u == nil {
		return out
	}
	list, _, _ := unstructured.NestedSlice(u.Object, "webhooks")
	for _, item := range list {
		if w, ok := item.(map[string]any); ok {
			out[w["name"]] = w
		}
	}
	return out
}
