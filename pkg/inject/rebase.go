package inject

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"

	corev1 "k8s.io/api/core/v1"
)

// Rebase applies what differs between two pods to the JSON that the first was read from, which keeps fields that this program does not
// know. Items of lists are the same where their names are.
func Rebase(raw []byte, before, after *corev1.Pod) ([]byte, error) {
	var trees [3]any
	for i, from := range []any{json.RawMessage(raw), before, after} {
		data, err := json.Marshal(from)
		if err == nil {
			err = json.Unmarshal(data, &trees[i])
		}
		if err != nil {
			return nil, fmt.Errorf("pod %s: %w", before.Name, err)
		}
	}
	return json.Marshal(rebase(trees[0], trees[1], trees[2]))
}

func rebase(raw, before, after any) any {
	if reflect.DeepEqual(before, after) {
		return raw
	}
	switch a := after.(type) {
	case map[string]any:
		r, isMap := raw.(map[string]any)
		b, _ := before.(map[string]any)
		if isMap {
			return rebaseMap(r, b, a)
		}
	case []any:
		r, b := Named(raw), Named(before)
		if r == nil || b == nil || Named(after) == nil {
			return after
		}
		out := make([]any, len(a))
		for i, item := range a {
			name := item.(map[string]any)["name"].(string)
			if _, was := b[name]; !was {
				out[i] = item
				continue
			}
			out[i] = rebase(r[name], b[name], item)
		}
		return out
	}
	return after
}

func rebaseMap(raw, before, after map[string]any) map[string]any {
	out := maps.Clone(raw)
	for k := range before {
		if _, stays := after[k]; !stays {
			delete(out, k)
		}
	}
	for k, v := range after {
		if was, there := before[k]; there && reflect.DeepEqual(was, v) {
			continue
		}
		out[k] = rebase(raw[k], before[k], v)
	}
	return out
}

// Named returns the items of a list by their names; nil when it is no list of objects with different names.
func Named(list any) map[string]any {
	items, ok := list.([]any)
	if !ok {
		return nil
	}
	out := make(map[string]any, len(items))
	for _, item := range items {
		object, _ := item.(map[string]any)
		name, named := object["name"].(string)
		if _, twice := out[name]; !named || twice {
			return nil
		}
		out[name] = item
	}
	return out
}
