// Package inventory says which objects of a cluster are meshctl's: one ConfigMap for each set, whose keys name the objects as those of
// fluxcd/cli-utils (object.ObjMetadata) do. See docs/adr/0003-inventory.md.
package inventory

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshctl/meshctl/pkg/install/client"
)

// ID names an object without its version: all versions of a kind show the same object.
type ID struct {
	schema.GroupKind
	Namespace, Name string
}

// IDOf is the name of an object.
func IDOf(u *unstructured.Unstructured) ID {
	return ID{u.GroupVersionKind().GroupKind(), u.GetNamespace(), u.GetName()}
}

// Ref is the reference under which the cluster is asked for the object.
func (id ID) Ref() client.Ref {
	return client.Ref{GroupVersionKind: id.WithVersion(""), Namespace: id.Namespace, Name: id.Name}
}

// String names the object for people.
func (id ID) String() string { return id.Ref().String() }

// Compare orders IDs by kind, namespace and name.
func Compare(a, b ID) int { return strings.Compare(a.order(), b.order()) }

func (id ID) order() string {
	return id.Group + "\x00" + id.Kind + "\x00" + id.Namespace + "\x00" + id.Name
}

const (
	rbac = "rbac.authorization.k8s.io"
	// colon stands for one in the names of RBAC's objects; a key of a ConfigMap cannot hold it.
	colon = "__"
)

// Key is NAMESPACE_NAME_GROUP_KIND, the form of cli-utils.
func (id ID) Key() string {
	name := id.Name
	if id.Group == rbac {
		name = strings.ReplaceAll(name, ":", colon)
	}
	return strings.Join([]string{id.Namespace, name, id.Group, id.Kind}, "_")
}

// ParseKey is the inverse of Key.
func ParseKey(s string) (ID, error) {
	parts := strings.Split(s, "_")
	n := len(parts)
	if n < 4 || parts[n-1] == "" {
		return ID{}, fmt.Errorf("%q does not name an object as NAMESPACE_NAME_GROUP_KIND", s)
	}
	id := ID{schema.GroupKind{Group: parts[n-2], Kind: parts[n-1]}, parts[0], strings.Join(parts[1:n-2], "_")}
	id.Name = strings.ReplaceAll(id.Name, colon, ":")
	return id, nil
}

// Origin is how an object came into an inventory.
type Origin string

const (
	// Ours is an object that meshctl made, or was told to adopt. It goes when nothing renders it any more.
	Ours Origin = ""
	// Found is an object that was there before and belongs to somebody else. It is never deleted.
	Found Origin = "found"
)

// Inventory is one set of objects.
type Inventory struct {
	// Set is "base", or a revision ("default" for the one without a name).
	Set     string
	Objects map[ID]Origin
}

const (
	// Base is the set of what all revisions share.
	Base = "base"
	// Label marks the ConfigMap of an inventory; its value is the set.
	Label = "meshctl.io/inventory"
)

// SetOf is the name of a revision's set.
func SetOf(revision string) string {
	if revision == "" {
		return "default"
	}
	return revision
}

// Name is the name of the ConfigMap of a set. That of a revision called "base" would be the shared one's, which is why no revision may be
// called so.
func Name(set string) string { return "meshctl-inventory-" + set }

// New returns an empty set.
func New(set string) Inventory { return Inventory{Set: set, Objects: map[ID]Origin{}} }

// Parse reads the ConfigMap of an inventory. The error names the first key that cannot be read.
func Parse(u *unstructured.Unstructured) (Inventory, error) {
	i := New(u.GetLabels()[Label])
	data, _, err := unstructured.NestedStringMap(u.Object, "data")
	if err != nil {
		return i, fmt.Errorf("%s: %w", client.RefOf(u), err)
	}
	for key, origin := range data {
		id, err := ParseKey(key)
		if err != nil {
			return i, fmt.Errorf("%s: %w", client.RefOf(u), err)
		}
		i.Objects[id] = Origin(origin)
	}
	return i, nil
}

// ConfigMap is the object that keeps the inventory in the system namespace.
func (i Inventory) ConfigMap(namespace string) *unstructured.Unstructured {
	data := map[string]any{}
	for id, origin := range i.Objects {
		data[id.Key()] = string(origin)
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap",
		"metadata": map[string]any{"name": Name(i.Set), "namespace": namespace, "labels": map[string]any{
			Label: i.Set, "app.kubernetes.io/managed-by": "meshctl", "app.kubernetes.io/part-of": "istio", "app.kubernetes.io/name": Name(i.Set),
		}},
		"data": data,
	}}
}

// With returns the union; where both have an object, that of the argument counts.
func (i Inventory) With(other Inventory) Inventory {
	out := Inventory{i.Set, maps.Clone(i.Objects)}
	maps.Copy(out.Objects, other.Objects)
	return out
}

// IDs are the objects in order.
func (i Inventory) IDs() []ID { return slices.SortedFunc(maps.Keys(i.Objects), Compare) }
