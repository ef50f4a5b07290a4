package install

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshctl/meshctl/pkg/install/applied"
	"github.com/meshctl/meshctl/pkg/install/client"
	"github.com/meshctl/meshctl/pkg/install/inventory"
	"github.com/meshctl/meshctl/pkg/install/render"
	"github.com/meshctl/meshctl/pkg/install/values"
)

// Tag is another name of a revision, by which namespaces choose it. See
// https://istio.io/latest/docs/setup/upgrade/canary/#stable-revision-labels.
type Tag struct {
	Name     string `json:"tag"`
	Revision string `json:"revision"`
	// Namespaces are those that choose it.
	Namespaces []string `json:"namespaces"`
}

const (
	tagLabel      = "istio.io/tag"
	revisionLabel = "istio.io/rev"
	// defaultTag is the name that namespaces mean which say istio-injection=enabled.
	defaultTag = "default"
	// deactivated is a label that no namespace has, by which an injector is told to stand back, as istioctl does it.
	deactivated, never = "istio.io/deactivated", "never-match"
)

// Tags are those of this system namespace, by name.
func (i *Installer) Tags(ctx context.Context) ([]Tag, error) {
	found, err := i.Client.List(ctx, injectorKind, client.Selection{Labels: tagLabel})
	if err != nil {
		return nil, err
	}
	spaces, err := i.Client.List(ctx, namespaceKind, client.Selection{})
	if err != nil {
		return nil, err
	}
	var out []Tag
	for n := range found {
		labels := found[n].GetLabels()
		tag := Tag{Name: labels[tagLabel], Revision: labels[revisionLabel], Namespaces: []string{}}
		for _, ns := range spaces {
			l := ns.GetLabels()
			injection := l["istio-injection"]
			if l[revisionLabel] == tag.Name && injection == "" || tag.Name == defaultTag && injection == "enabled" {
				tag.Namespaces = append(tag.Namespaces, ns.GetName())
			}
		}
		out = append(out, tag)
	}
	slices.SortFunc(out, func(a, b Tag) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// TagObjects are the webhooks by which a tag is answered: an injector and, for the tag "default", a validator of the objects that choose no
// revision. Their authority is not filled in.
func TagObjects(tag, revision, namespace string) (injector, validator *unstructured.Unstructured, err error) {
	if revision == defaultTag {
		revision = ""
	}
	v, _, err := values.Load(values.Options{
		Profile: "minimal", Revision: revision, Namespace: namespace, Sets: []string{"base.enableCRDTemplates=false", "revisionTags[0]=" + tag},
	})
	if err != nil {
		return nil, nil, err
	}
	components, err := render.Render(v)
	if err != nil {
		return nil, nil, err
	}
	for _, c := range components {
		for _, u := range c.Objects {
			switch {
			case u.GetLabels()[tagLabel] != tag:
			case u.GetKind() == injectorKind.Kind:
				injector = u
			default:
				validator = u
			}
		}
	}
	if injector == nil {
		return nil, nil, fmt.Errorf("the charts have no webhook for tag %s", tag)
	}
	return injector, validator, nil
}

// ErrTagTaken is the error of a tag that points to another revision.
var ErrTagTaken = errors.New("the tag is taken")

// SetTag makes a tag point to a revision; one that points to another is moved only when told so. Namespaces that choose the tag follow as
// their pods are made anew.
func (i *Installer) SetTag(ctx context.Context, tag, revision string, move bool) error {
	installed, err := i.injector(ctx, revision)
	if err != nil {
		return err
	}
	if installed == nil {
		there, err := i.Revisions(ctx)
		if err != nil {
			return err
		}
		return fmt.Errorf("revision %s is not installed in %s (installed: %s)", revision, i.Namespace, strings.Join(there, ", "))
	}
	injector, validator, err := TagObjects(tag, revision, i.Namespace)
	if err != nil {
		return err
	}
	objects := []*unstructured.Unstructured{injector}
	if validator != nil {
		objects = append(objects, validator)
	}
	for _, u := range objects {
		if err := i.mayTake(ctx, u, tag, revision, move); err != nil {
			return err
		}
	}
	if tag == defaultTag {
		if err := i.standBack(ctx); err != nil {
			return err
		}
	}
	for _, u := range objects {
		like(u, installed)
		if _, err := i.Client.Apply(ctx, u, client.ApplyOptions{Force: true}); err != nil {
			return err
		}
	}
	return nil
}

// mayTake refuses a webhook that somebody else made, and that of a tag which points elsewhere unless it is to be moved.
func (i *Installer) mayTake(ctx context.Context, object *unstructured.Unstructured, tag, revision string, move bool) error {
	live, err := i.Client.Get(ctx, client.RefOf(object))
	if err != nil || live == nil {
		return err
	}
	if !Ours(live) {
		return &ForeignError{inventory.IDOf(live), Owner(live), ""}
	}
	if to := live.GetLabels()[revisionLabel]; to != revision && !move {
		return fmt.Errorf("tag %s points to revision %s: %w: move it with --overwrite", tag, to, ErrTagTaken)
	}
	return nil
}

// like gives the webhooks of a tag what the injector of its revision has been given since it was installed.
func like(tag, injector *unstructured.Unstructured) {
	var first map[string]any
	for _, w := range webhooksOf(injector) {
		first = w
	}
	edit(tag, func(w map[string]any) {
		if bundle, _, _ := unstructured.NestedString(first, "clientConfig", "caBundle"); bundle != "" {
			_ = unstructured.SetNestedField(w, bundle, "clientConfig", "caBundle")
			if w["failurePolicy"] == "Ignore" { // of a validator: the control plane has been reached
				w["failurePolicy"] = "Fail"
			}
		}
		if policy, ok := first["reinvocationPolicy"].(string); ok && tag.GetKind() == injectorKind.Kind {
			w["reinvocationPolicy"] = policy
		}
	})
}

// edit changes every webhook of a configuration.
func edit(u *unstructured.Unstructured, change func(map[string]any)) {
	list, _, _ := unstructured.NestedSlice(u.Object, "webhooks")
	for _, item := range list {
		if w, ok := item.(map[string]any); ok {
			change(w)
		}
	}
	_ = unstructured.SetNestedSlice(u.Object, list, "webhooks") // it was one before
}

// injector is the webhook configuration of a revision, nil when there is none.
func (i *Installer) injector(ctx context.Context, revision string) (*unstructured.Unstructured, error) {
	found, err := i.Client.List(ctx, injectorKind, client.Selection{
		Labels: "app=sidecar-injector,!" + tagLabel + "," + revisionLabel + "=" + inventory.SetOf(revision) + "," + managedBy + "=" + client.Manager,
	})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

// standBack has the injector of the revision without a name leave its pods to the tag "default", or a pod would be asked about twice.
func (i *Installer) standBack(ctx context.Context) error {
	return i.selectors(ctx, func(w map[string]any) {
		w["namespaceSelector"] = map[string]any{"matchLabels": map[string]any{deactivated: never}}
	})
}

// stepForward undoes standBack. The webhooks of the tag select what those of the injector did.
func (i *Installer) stepForward(ctx context.Context, tag *unstructured.Unstructured) error {
	selected := webhooksOf(tag)
	return i.selectors(ctx, func(w map[string]any) {
		if s := selected[w["name"]]; s != nil && standsBack(w) {
			w["namespaceSelector"] = s["namespaceSelector"]
		}
	})
}

func (i *Installer) selectors(ctx context.Context, change func(map[string]any)) error {
	live, err := i.injector(ctx, "")
	if err != nil || live == nil {
		return err
	}
	config, err := applied.Extract(live, client.Manager)
	if err != nil || config == nil {
		return err
	}
	edit(config, change)
	_, err = i.Client.Apply(ctx, config, client.ApplyOptions{Force: true})
	return err
}

func standsBack(webhook map[string]any) bool {
	_, is, _ := unstructured.NestedString(webhook, "namespaceSelector", "matchLabels", deactivated)
	return is
}

// RemoveTag takes a tag away; pods of namespaces that choose it get no proxy any more. It reports whether there was one.
func (i *Installer) RemoveTag(ctx context.Context, tag string) (bool, error) {
	found, err := i.webhooks(ctx, tagLabel+"="+tag)
	if err != nil || len(found) == 0 {
		return false, err
	}
	for n := range found {
		if err := i.Client.Delete(ctx, client.RefOf(&found[n]), found[n].GetUID()); err != nil {
			return true, err
		}
		if tag == defaultTag && found[n].GetKind() == injectorKind.Kind {
			if err := i.stepForward(ctx, &found[n]); err != nil {
				return true, err
			}
		}
	}
	return true, nil
}

// webhooks are our webhook configurations, of both kinds, with labels.
func (i *Installer) webhooks(ctx context.Context, labels string) (out []unstructured.Unstructured, err error) {
	for _, kind := range []schema.GroupVersionKind{injectorKind, validatorKind} {
		found, err := i.Client.List(ctx, kind, client.Selection{Labels: labels + "," + managedBy + "=" + client.Manager})
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, nil
}
