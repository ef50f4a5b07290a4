package install

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshctl/meshctl/pkg/install/client"
	"github.com/meshctl/meshctl/pkg/install/inventory"
)

// Removal is what an uninstallation would take away, and what it would leave.
type Removal struct {
	// Revisions that go. Last says that no other is left, so that what they shared goes as well.
	Revisions []string
	Last      bool
	// Objects are those that go, in the order in which they do.
	Objects []inventory.ID
	// Deployed are those that the control plane made for Gateways of the Gateway API. They go after it, or it would make them anew.
	Deployed []inventory.ID
	// Definitions are those that meshctl brought, and Resources what users keep in them. They go only when Purge is set, and are looked
	// for only when no revision is left.
	Definitions, Resources []inventory.ID
	Purge                  bool
	// Kept is what stays, with the reason.
	Kept []Residue

	live map[inventory.ID]*unstructured.Unstructured
	sets []inventory.Inventory
}

// Residue is something that stays, and why.
type Residue struct {
	What string `json:"what"`
	Why  string `json:"why"`
}

// Selected says what to remove.
type Selected struct {
	// Revision is the one to remove; with All every one.
	Revision string
	All      bool
	// Purge takes users' resources of the mesh and its definitions away as well; it needs All.
	Purge bool
}

// ErrNothing is the error of an uninstallation that finds no installation.
var ErrNothing = errors.New("meshctl has installed nothing here")

// Removal finds out what an uninstallation would do. It changes nothing.
func (i *Installer) Removal(ctx context.Context, sel Selected) (Removal, error) {
	s, err := i.read(ctx, nil)
	if err != nil {
		return Removal{}, err
	}
	out := Removal{live: s.live, Last: true, Purge: sel.Purge}
	for _, set := range s.revisions() {
		if sel.All || set == inventory.SetOf(sel.Revision) {
			out.Revisions, out.sets = append(out.Revisions, set), append(out.sets, s.set(set))
		} else {
			out.Last = false
		}
	}
	if len(out.Revisions) == 0 && !sel.All {
		return out, fmt.Errorf("revision %s: %w", inventory.SetOf(sel.Revision), ErrNothing)
	}
	if out.Last {
		if err := i.shared(ctx, s, &out); err != nil {
			return out, err
		}
	}
	if err := i.collect(ctx, s, &out); err != nil {
		return out, err
	}
	deployed, err := i.deployed(ctx, out)
	if err != nil {
		return out, err
	}
	for n := range deployed {
		out.Deployed = append(out.Deployed, inventory.IDOf(&deployed[n]))
	}
	listed := len(out.Deployed)
	for _, set := range out.sets {
		listed += len(set.Objects)
	}
	if len(out.Revisions)+listed == 0 && (!sel.Purge || len(out.Definitions) == 0) {
		return out, ErrNothing
	}
	return out, nil
}

// shared adds what goes with the last revision.
func (i *Installer) shared(ctx context.Context, s state, out *Removal) error {
	base := s.set(inventory.Base)
	id := inventory.IDOf(i.namespace())
	namespace, err := i.Client.Get(ctx, id.Ref())
	if err != nil {
		return err
	}
	if _, listed := base.Objects[id]; !listed && namespace != nil && Ours(namespace) { // an uninstallation was interrupted at its end
		base.Objects[id] = inventory.Ours
	}
	out.sets = append(out.sets, base)
	return i.collectUsers(ctx, s, out)
}

// collect finds the objects of the inventories, and what belongs to the revisions without being in one.
func (i *Installer) collect(ctx context.Context, s state, out *Removal) error {
	others := map[inventory.ID]bool{}
	for name, set := range s.inventories {
		if slices.Contains(out.Revisions, name) || out.Last && name == inventory.Base {
			continue
		}
		for id := range set.Objects {
			others[id] = true
		}
	}
	for _, set := range out.sets {
		for _, id := range set.IDs() {
			switch st := stageOf("", id.GroupKind); {
			case others[id] || s.live[id] == nil || st == stageNamespace:
			case set.Objects[id] == inventory.Found:
				out.Kept = append(out.Kept, Residue{id.String(), "it was there before and belongs to " + Owner(s.live[id])})
			case st != stageDefinitions:
				out.Objects = append(out.Objects, id)
			}
		}
	}
	tags, err := i.tags(ctx, out.Revisions)
	if err != nil {
		return err
	}
	for n := range tags {
		id := inventory.IDOf(&tags[n])
		if s.live[id] == nil {
			out.Objects, s.live[id] = append(out.Objects, id), &tags[n]
		}
	}
	slices.SortStableFunc(out.Objects, func(a, b inventory.ID) int { return int(out.stage(b) - out.stage(a)) })
	return nil
}

// stage orders deletions, the highest first: webhooks, that nothing waits for somebody who is gone; then gateways, the control plane, and
// what they need.
func (r Removal) stage(id inventory.ID) stage {
	if id.Group == admissionGroup {
		return stages
	}
	return stageOf(r.live[id].GetLabels()["operator.istio.io/component"], id.GroupKind)
}

var (
	injectorKind  = schema.GroupVersionKind{Group: admissionGroup, Version: "v1", Kind: "MutatingWebhookConfiguration"}
	validatorKind = schema.GroupVersionKind{Group: admissionGroup, Version: "v1", Kind: "ValidatingWebhookConfiguration"}
)

// tags are the webhooks of the revision tags that point to revisions.
func (i *Installer) tags(ctx context.Context, revisions []string) ([]unstructured.Unstructured, error) {
	if len(revisions) == 0 {
		return nil, nil
	}
	return i.webhooks(ctx, tagLabel+","+revisionLabel+" in ("+joinComma(revisions)+")")
}

// Uninstall carries a removal out, and waits until everything is gone. It returns what stays.
func (i *Installer) Uninstall(ctx context.Context, r Removal, timeout time.Duration) ([]Residue, error) {
	end := time.Now().Add(timeout)
	for _, id := range r.Objects {
		if u := r.live[id]; !r.Last && id.Kind == injectorKind.Kind && u.GetLabels()[tagLabel] == defaultTag {
			if err := i.stepForward(ctx, u); err != nil {
				return nil, err
			}
		}
	}
	if err := i.removeUsers(ctx, r, end); err != nil {
		return nil, err
	}
	if err := i.removeObjects(ctx, r, end); err != nil {
		return nil, err
	}
	if err := i.removeDeployed(ctx, r, end); err != nil {
		return nil, err
	}
	kept := slices.Clone(r.Kept)
	if n := len(r.Definitions); n > 0 && !r.Purge {
		kept = append(kept, Residue{
			fmt.Sprintf("%d CustomResourceDefinitions with %d resources of users", n, len(r.Resources)),
			"users' resources would go with their definitions: meshctl uninstall --purge removes both",
		})
	}
	if r.Last {
		left, err := i.removeRuntime(ctx)
		if err != nil {
			return kept, err
		}
		kept = append(kept, left...)
	}
	for _, set := range r.sets { // as the last of it: until here it can be run again
		if err := i.forget(ctx, set.Set); err != nil {
			return kept, err
		}
	}
	if !r.Last {
		return kept, nil
	}
	left, err := i.removeNamespaces(ctx, r, end)
	return append(kept, left...), err
}

// removeObjects deletes stage by stage. Workloads are gone only when their pods are.
func (i *Installer) removeObjects(ctx context.Context, r Removal, end time.Time) error {
	for n := 0; n < len(r.Objects); {
		m := n
		for m < len(r.Objects) && r.stage(r.Objects[m]) == r.stage(r.Objects[n]) {
			m++
		}
		ids := r.Objects[n:m]
		if err := i.delete(ctx, ids, r.live); err != nil {
			return err
		}
		if err := i.gone(ctx, end, ids); err != nil {
			return err
		}
		for _, id := range ids {
			if err := i.podsGone(ctx, r.live[id], end); err != nil {
				return err
			}
		}
		name := stageNames[stageWebhooks]
		if st := r.stage(ids[0]); st != stages {
			name = stageNames[st]
		}
		i.step(fmt.Sprintf("removed %s (%d)", name, len(ids)))
		n = m
	}
	return nil
}

// podsGone waits until a workload that was deleted has no pods any more.
func (i *Installer) podsGone(ctx context.Context, u *unstructured.Unstructured, end time.Time) error {
	if u == nil || !workload(u.GroupVersionKind().GroupKind()) {
		return nil
	}
	match, _, _ := unstructured.NestedStringMap(u.Object, "spec", "selector", "matchLabels")
	if len(match) == 0 {
		return nil
	}
	selection := client.Selection{Namespace: u.GetNamespace(), Labels: labels.SelectorFromSet(match).String()}
	clock := time.NewTicker(300 * time.Millisecond)
	defer clock.Stop()
	for {
		pods, err := i.Client.List(ctx, namespaceKind.GroupVersion().WithKind("Pod"), selection)
		if err != nil || len(pods) == 0 {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("pod %s/%s of %s does not end: see what holds it, and run this again", pods[0].GetNamespace(), pods[0].GetName(), client.RefOf(u))
		}
		select {
		case <-clock.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
