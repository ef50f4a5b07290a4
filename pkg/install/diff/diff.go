// Package diff compares two states of an object field by field.
package diff

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// Field is a field that differs. From is nil when it is added, To when it goes.
type Field struct {
	Path string `json:"path"` // as in spec.template.spec.containers[discovery].image
	From any    `json:"from,omitempty"`
	To   any    `json:"to,omitempty"`
}

// Redacted stands for values that are secret.
const Redacted = "(redacted)"

// Objects returns what differs between two states of an object, in the order of the paths. What the server keeps for itself is left out
// (managed fields, versions, times, status); values of Secrets are redacted. Nil is an object that does not exist.
func Objects(before, after *unstructured.Unstructured) []Field {
	var c comparison
	c.secret = kind(before) == "Secret" || kind(after) == "Secret"
	c.compare("", content(before), content(after))
	return c.fields
}

func kind(u *unstructured.Unstructured) string {
	if u == nil {
		return ""
	}
	return u.GetKind()
}

// serverside are the members of metadata that the server fills in.
var serverside = []string{"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink"}

func content(u *unstructured.Unstructured) any {
	if u == nil {
		return nil
	}
	out := runtime.DeepCopyJSON(u.Object)
	delete(out, "status")
	for _, name := range serverside {
		unstructured.RemoveNestedField(out, "metadata", name)
	}
	unstructured.RemoveNestedField(out, "metadata", "annotations", "deployment.kubernetes.io/revision")
	return out
}

type comparison struct {
	fields []Field
	secret bool
}

func (c *comparison) compare(path string, a, b any) {
	if reflect.DeepEqual(a, b) {
		return
	}
	x, xIs := a.(map[string]any)
	y, yIs := b.(map[string]any)
	if xIs && yIs || path == "" {
		c.members(path, x, y)
		return
	}
	p, pIs := a.([]any)
	q, qIs := b.([]any)
	if pIs && qIs {
		if key := keyOf(p, q); key != "" {
			c.items(path, key, p, q)
			return
		}
	}
	c.add(path, a, b)
}

func (c *comparison) members(path string, x, y map[string]any) {
	names := slices.Sorted(maps.Keys(x))
	for name := range y {
		if _, both := x[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if path == "" && (name == "apiVersion" || name == "kind") {
			continue
		}
		c.compare(join(path, name), x[name], y[name])
	}
}

func join(path, name string) string {
	switch {
	case strings.ContainsAny(name, "./"):
		return path + "[" + name + "]"
	case path == "":
		return name
	default:
		return path + "." + name
	}
}

// keyOf is the member by which the items of two lists are told apart, or "".
func keyOf(lists ...[]any) string {
	for _, key := range []string{"name", "mountPath", "containerPort", "port", "type"} {
		if slices.ContainsFunc(lists, func(l []any) bool { return !unique(l, key) }) {
			continue
		}
		return key
	}
	return ""
}

func unique(list []any, key string) bool {
	seen := map[any]bool{}
	for _, item := range list {
		m, ok := item.(map[string]any)
		if !ok {
			return false
		}
		switch v := m[key].(type) {
		case string, int64, float64:
			if seen[v] {
				return false
			}
			seen[v] = true
		default:
			return false
		}
	}
	return true
}

func (c *comparison) items(path, key string, p, q []any) {
	var order []any
	before, after := map[any]any{}, map[any]any{}
	for _, item := range p {
		k := item.(map[string]any)[key]
		before[k] = item
		order = append(order, k)
	}
	for _, item := range q {
		k := item.(map[string]any)[key]
		if after[k] = item; before[k] == nil {
			order = append(order, k)
		}
	}
	for _, k := range order {
		c.compare(fmt.Sprintf("%s[%v]", path, k), before[k], after[k])
	}
}

func (c *comparison) add(path string, a, b any) {
	if c.secret && (strings.HasPrefix(path, "data") || strings.HasPrefix(path, "stringData") || strings.Contains(path, "last-applied-configuration")) {
		a, b = redact(a), redact(b)
	}
	c.fields = append(c.fields, Field{path, a, b})
}

func redact(v any) any {
	switch v := v.(type) {
	case nil:
		return nil
	case map[string]any:
		out := map[string]any{}
		for name := range v {
			out[name] = Redacted
		}
		return out
	default:
		return Redacted
	}
}

// Text shows a value on one line, or on several when it is a text of several lines.
func Text(v any) string {
	if s, ok := v.(string); ok {
		if s == "" {
			return `""`
		}
		return s
	}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // what came as JSON can be written as JSON
	return strings.TrimSuffix(b.String(), "\n")
}
