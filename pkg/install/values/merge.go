package values

import (
	"maps"
	"slices"
	"strings"
)

// merge lays over onto base as Helm does: mappings are merged, everything else is replaced, null takes a value away.
func merge(base, over map[string]any) {
	for _, key := range slices.Sorted(maps.Keys(over)) {
		switch v := over[key].(type) {
		case nil:
			delete(base, key)
		case map[string]any:
			inner, ok := base[key].(map[string]any)
			if !ok {
				inner = map[string]any{}
			}
			merge(inner, v)
			base[key] = inner
		default:
			base[key] = replaced(base[key], v)
		}
	}
}

// replaced is what takes the place of a value that is no mapping.
func replaced(before, after any) any {
	at, ok := after.(places)
	if !ok {
		return after
	}
	list, _ := before.([]any)
	list = slices.Clone(list)
	for _, i := range slices.Sorted(maps.Keys(at)) {
		for len(list) <= i {
			list = append(list, nil)
		}
		if inner, isMap := at[i].(map[string]any); isMap {
			entry := map[string]any{}
			if old, was := list[i].(map[string]any); was {
				entry = clone(old)
			}
			merge(entry, inner)
			list[i] = entry
			continue
		}
		list[i] = replaced(list[i], at[i])
	}
	return slices.DeleteFunc(list, func(v any) bool { return v == nil })
}

func clone(tree map[string]any) map[string]any {
	out := make(map[string]any, len(tree))
	for k, v := range tree {
		out[k] = cloneValue(v)
	}
	return out
}

func cloneValue(v any) any {
	switch v := v.(type) {
	case map[string]any:
		return clone(v)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = cloneValue(v[i])
		}
		return out
	default:
		return v
	}
}

// get returns the value at a path of names with dots between them, or nil.
func get(tree map[string]any, path string) any {
	var at any = tree
	for name := range strings.SplitSeq(path, ".") {
		m, ok := at.(map[string]any)
		if !ok {
			return nil
		}
		at = m[name]
	}
	return at
}

// put sets the value at a path of names with dots between them.
func put(tree map[string]any, path string, value any) {
	names := strings.Split(path, ".")
	for _, name := range names[:len(names)-1] {
		inner, ok := tree[name].(map[string]any)
		if !ok {
			inner = map[string]any{}
			tree[name] = inner
		}
		tree = inner
	}
	tree[names[len(names)-1]] = value
}
