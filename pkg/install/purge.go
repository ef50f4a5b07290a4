package install

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshctl/meshctl/pkg/install/client"
	"github.com/meshctl/meshctl/pkg/install/inventory"
)

func joinComma(s []string) string { return strings.Join(s, ",") }

// collectUsers finds the definitions that are ours and what users keep in them. Definitions that an earlier uninstallation left are found
// by their label.
func (i *Installer) collectUsers(ctx context.Context, s state, out *Removal) error {
	definitions, err := i.Client.List(ctx, definitionKind, client.Selection{Labels: managedBy + "=" + client.Manager})
	if err != nil {
		return err
	}
	for n := range definitions {
		id := inventory.IDOf(&definitions[n])
		if origin, listed := s.origin(id); listed && origin == inventory.Found {
			continue
		}
		out.Definitions, out.live[id] = append(out.Definitions, id), &definitions[n]
		instances, err := i.Client.List(ctx, instancesOf(&definitions[n]), client.Selection{})
		if err != nil {
			return err
		}
		for m := range instances {
			instance := inventory.IDOf(&instances[m])
			if origin, listed := s.origin(instance); listed && origin == inventory.Ours {
				continue
			}
			out.Resources, out.live[instance] = append(out.Resources, instance), &instances[m]
		}
	}
	slices.SortFunc(out.Definitions, inventory.Compare)
	slices.SortFunc(out.Resources, inventory.Compare)
	return nil
}

// instancesOf is the kind that a definition defines, in a version that is served.
func instancesOf(definition *unstructured.Unstructured) schema.GroupVersionKind {
	k := schema.GroupVersionKind{}
	k.Group, _, _ = unstructured.NestedString(definition.Object, "spec", "group")
	k.Kind, _, _ = unstructured.NestedString(definition.Object, "spec", "names", "kind")
	if served := servedVersions(definition); len(served) > 0 {
		k.Version = served[0]
	}
	return k
}

// inUse is how many objects there are of a definition's kind.
func (i *Installer) inUse(ctx context.Context, definition *unstructured.Unstructured) (int, error) {
	found, err := i.Client.List(ctx, instancesOf(definition), client.Selection{})
	return len(found), err
}

// removeUsers takes away what --purge names: users' resources first, while there is still somebody to answer for them.
func (i *Installer) removeUsers(ctx context.Context, r Removal, end time.Time) error {
	if !r.Purge || len(r.Definitions) == 0 {
		return nil
	}
	webhooks := slices.DeleteFunc(slices.Clone(r.Objects), func(id inventory.ID) bool { return id.Group != admissionGroup })
	for _, ids := range [][]inventory.ID{webhooks, r.Resources, r.Definitions} {
		if err := i.delete(ctx, ids, r.live); err != nil {
			return err
		}
		if err := i.gone(ctx, end, ids); err != nil {
			return err
		}
	}
	i.step(fmt.Sprintf("removed %d resources of users and %d definitions", len(r.Resources), len(r.Definitions)))
	return nil
}
