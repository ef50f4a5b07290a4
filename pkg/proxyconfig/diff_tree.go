package proxyconfig

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoregistry"
)

// unordered names the lists whose order means nothing to Envoy: virtual hosts are found by their domains, filter chains
// by their match.
func unordered(field string) bool {
	switch field {
	case "virtual_hosts", "domains", "filter_chains", "server_names", "application_protocols", "prefix_ranges",
		"source_prefix_ranges", "match_typed_subject_alt_names", "type_urls":
		return true
	default:
		return false
	}
}

// ordered copies a tree with every list of no order sorted.
func ordered(t Tree) Tree {
	out, _ := orderedValue("", t).(Tree)
	return out
}

func orderedValue(field string, v any) any {
	switch v := v.(type) {
	case Tree:
		out := make(Tree, len(v))
		for k, value := range v {
			out[k] = orderedValue(k, value)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = orderedValue("", v[i])
		}
		if unordered(field) {
			sortByContent(out)
		}
		return out
	default:
		return v
	}
}

// sortByContent writes each element once, not once a comparison: a route configuration may hold 10,000 virtual hosts.
func sortByContent(list []any) {
	type keyed struct {
		key   string
		value any
	}
	all := make([]keyed, len(list))
	for i, v := range list {
		all[i] = keyed{compact(v), v}
	}
	slices.SortStableFunc(all, func(a, b keyed) int { return strings.Compare(a.key, b.key) })
	for i, k := range all {
		list[i] = k.value
	}
}

// compact is the canonical JSON of a value: object keys are sorted.
func compact(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v) // cannot happen for what came from JSON
	}
	return string(data)
}

// diffTrees returns the differing fields, ordered by path.
func diffTrees(want, have Tree) []PathDifference {
	var out []PathDifference
	diffValues("", want, have, &out)
	return out
}

func diffValues(path string, want, have any, out *[]PathDifference) {
	switch w := want.(type) {
	case Tree:
		if h, ok := have.(Tree); ok {
			diffObjects(path, w, h, out)
			return
		}
	case []any:
		if h, ok := have.([]any); ok {
			diffLists(path, w, h, out)
			return
		}
	}
	if compact(want) != compact(have) {
		*out = append(*out, PathDifference{path, want, have})
	}
}

func diffObjects(path string, want, have Tree, out *[]PathDifference) {
	if opaque(want, have) {
		return
	}
	keys := make([]string, 0, len(want)+len(have))
	for k := range want {
		keys = append(keys, k)
	}
	for k := range have {
		if _, ok := want[k]; !ok {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	for _, k := range keys {
		child := k
		if path != "" {
			child = path + "." + k
		}
		diffValues(child, want[k], have[k], out)
	}
}

// opaque: when a side could not decode an extension there is nothing but its type to compare.
func opaque(want, have Tree) bool {
	url := text(want, "@type")
	if url == "" || url != text(have, "@type") || (len(want) > 1 && len(have) > 1) {
		return false
	}
	_, err := protoregistry.GlobalTypes.FindMessageByURL(url)
	return err != nil
}

// diffLists pairs elements by name where all have one, and by position otherwise.
func diffLists(path string, want, have []any, out *[]PathDifference) {
	w, wantNames := named(want)
	h, haveNames := named(have)
	if w == nil || h == nil {
		for i := range max(len(want), len(have)) {
			diffValues(fmt.Sprintf("%s[%d]", path, i), element(want, i), element(have, i), out)
		}
		return
	}
	before := len(*out)
	for _, name := range wantNames {
		diffValues(path+"["+name+"]", w[name], h[name], out)
	}
	for _, name := range haveNames {
		if _, ok := w[name]; !ok {
			diffValues(path+"["+name+"]", nil, h[name], out)
		}
	}
	if len(*out) == before && !slices.Equal(wantNames, haveNames) {
		*out = append(*out, PathDifference{path + " (order)", strings.Join(wantNames, ", "), strings.Join(haveNames, ", ")})
	}
}

func named(list []any) (byName map[string]any, names []string) {
	byName = make(map[string]any, len(list))
	for _, v := range list {
		t, _ := v.(Tree)
		name := text(t, "name")
		if _, dup := byName[name]; name == "" || dup {
			return nil, nil
		}
		byName[name] = v
		names = append(names, name)
	}
	return byName, names
}

func element(list []any, i int) any {
	if i < len(list) {
		return list[i]
	}
	return nil
}
