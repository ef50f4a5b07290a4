// Package applied reads from an object what a field manager last applied to it. Kubernetes records the fields of each manager, not their
// values; both together are the configuration that was applied. See
// https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management.
package applied

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// By reports whether a manager owns fields of the object by having applied them.
func By(u *unstructured.Unstructured, manager string) bool { return entry(u, manager) != nil }

func entry(u *unstructured.Unstructured, manager string) *metav1.ManagedFieldsEntry {
	entries := u.GetManagedFields()
	i := slices.IndexFunc(entries, func(e metav1.ManagedFieldsEntry) bool {
		return e.Manager == manager && e.Operation == metav1.ManagedFieldsOperationApply && e.Subresource == "" && e.FieldsV1 != nil
	})
	if i < 0 {
		return nil
	}
	return &entries[i]
}

// Extract returns the configuration that the manager applied, with the values that its fields have now; nil when it applied none. Applied
// again it changes nothing, and applied after another configuration it brings this one back.
func Extract(u *unstructured.Unstructured, manager string) (*unstructured.Unstructured, error) {
	e := entry(u, manager)
	if e == nil {
		return nil, nil
	}
	var fields map[string]any
	if err := json.Unmarshal(e.FieldsV1.GetRawBytes(), &fields); err != nil {
		return nil, fmt.Errorf("the fields of manager %s: %w", manager, err)
	}
	taken, _ := take(fields, u.Object).(map[string]any)
	out := &unstructured.Unstructured{Object: runtime.DeepCopyJSON(orEmpty(taken))}
	out.SetAPIVersion(u.GetAPIVersion())
	out.SetKind(u.GetKind())
	out.SetName(u.GetName())
	if u.GetNamespace() != "" {
		out.SetNamespace(u.GetNamespace())
	}
	return out, nil
}

func orEmpty(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return m
}

// take returns the part of value that fields name. Keys are "f:NAME" for a member of an object, "k:{...}" for the item of a list that has
// these members, "v:VALUE" for a value of a set; "." is the thing itself, and no key at all means the whole value.
func take(fields map[string]any, value any) any {
	if len(fields) == 0 || len(fields) == 1 && fields["."] != nil {
		if _, whole := fields["."]; !whole {
			return value
		}
		return empty(value)
	}
	switch value := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, below := range fields {
			name, member := strings.CutPrefix(key, "f:")
			if v, there := value[name]; member && there {
				out[name] = take(orEmpty(asMap(below)), v)
			}
		}
		return out
	case []any:
		return items(fields, value)
	default:
		return value
	}
}

// empty is the thing itself without what is in it.
func empty(value any) any {
	switch value.(type) {
	case map[string]any:
		return map[string]any{}
	case []any:
		return []any{}
	default:
		return value
	}
}

// items keeps the order of the list.
func items(fields map[string]any, list []any) []any {
	out := []any{}
	for _, item := range list {
		for key, below := range fields {
			if text, keyed := strings.CutPrefix(key, "k:"); keyed {
				var members map[string]any
				if json.Unmarshal([]byte(text), &members) == nil && has(item, members) {
					out = append(out, withKeys(take(orEmpty(asMap(below)), item), item, members))
					break
				}
			}
			if text, set := strings.CutPrefix(key, "v:"); set {
				var v any
				if json.Unmarshal([]byte(text), &v) == nil && equal(v, item) {
					out = append(out, item)
					break
				}
			}
		}
	}
	return out
}

func has(item any, members map[string]any) bool {
	m, ok := item.(map[string]any)
	if !ok {
		return false
	}
	for name, v := range members {
		if !equal(v, m[name]) {
			return false
		}
	}
	return true
}

// withKeys adds the members by which an item of a list is known; without them it could not be applied.
func withKeys(taken, item any, members map[string]any) any {
	out, ok := taken.(map[string]any)
	if !ok {
		return taken
	}
	for name := range members {
		out[name] = item.(map[string]any)[name]
	}
	return out
}

// equal compares JSON values; the number 1 may be an int64 or a float64.
func equal(a, b any) bool {
	if reflect.DeepEqual(a, b) {
		return true
	}
	x, isX := number(a)
	y, isY := number(b)
	return isX && isY && x == y
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

func asMap(v any) map[string]any { m, _ := v.(map[string]any); return m }
