package config

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// entry is a key of a mapping with its value.
type entry struct{ key, value *yaml.Node }

// entries lists a mapping's entries with merges ("<<") carried out. Keys that repeat are reported, and the first counts.
func (w *walker) entries(n *yaml.Node) []entry {
	out := make([]entry, 0, len(n.Content)/2)
	var index map[string]bool
	if len(n.Content) > 32 {
		index = make(map[string]bool, len(n.Content)/2)
	}
	has := func(key string) bool {
		if index != nil {
			return index[key]
		}
		return slices.ContainsFunc(out, func(e entry) bool { return e.key.Value == key })
	}
	var merges []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := resolve(n.Content[i]), n.Content[i+1]
		switch {
		case key.Kind != yaml.ScalarNode:
			w.problem(key, Error, "a key must be text", "")
		case key.ShortTag() == "!!merge":
			merges = append(merges, value)
		case isNull(key):
			w.problem(key, Error, "an empty key", "")
		case has(key.Value):
			w.push(step{name: key.Value, isKey: !isIdentifier(key.Value)})
			w.problem(n.Content[i], Error, "written twice in the same mapping", "keep one")
			w.pop()
		default:
			out = append(out, entry{key, value})
			if index != nil {
				index[key.Value] = true
			}
		}
	}
	for _, m := range merges {
		out = w.merge(out, m, w.limits.Depth)
	}
	return out
}

// merge adds what "<<" refers to: a mapping or a list of mappings, whose entries do not replace those already there.
func (w *walker) merge(out []entry, n *yaml.Node, depth int) []entry {
	source := resolve(n)
	switch {
	case depth == 0:
		w.problem(n, Error, "merges (<<) refer to themselves", "write the values out")
	case source.Kind == yaml.SequenceNode:
		for _, m := range source.Content {
			out = w.merge(out, m, depth-1)
		}
	case source.Kind == yaml.MappingNode:
		for i := 0; i+1 < len(source.Content); i += 2 {
			if *w.expanded++; *w.expanded > w.limits.AliasNodes {
				w.problem(n, Error, "merges (<<) stand for more than "+strconv.Itoa(w.limits.AliasNodes)+" values", "write the values out")
				return out
			}
			key, value := resolve(source.Content[i]), source.Content[i+1]
			switch {
			case key.Kind == yaml.ScalarNode && key.ShortTag() == "!!merge":
				out = w.merge(out, value, depth-1)
			case key.Kind == yaml.ScalarNode && !slices.ContainsFunc(out, func(e entry) bool { return e.key.Value == key.Value }):
				out = append(out, entry{key, value})
			}
		}
	default:
		w.problem(n, Error, "a merge (<<) must name a mapping", "")
	}
	return out
}

var anything = &schema{kind: anyValue}

// any writes free-form content as JSON.
func (w *walker) any(n *yaml.Node) bool {
	switch n.Kind {
	case yaml.MappingNode:
		w.out = append(w.out, '{')
		for _, e := range w.entries(n) {
			w.push(step{name: e.key.Value, isKey: !isIdentifier(e.key.Value)})
			mark := len(w.out)
			w.comma('{')
			w.out = appendString(w.out, e.key.Value)
			w.out = append(w.out, ':')
			if !w.value(e.value, anything) {
				w.out = w.out[:mark]
			}
			w.pop()
		}
		w.out = append(w.out, '}')
		return true
	case yaml.SequenceNode:
		return w.listItems(n, &schema{kind: listValue, elem: anything})
	default:
		return w.anyScalar(n)
	}
}

func (w *walker) anyScalar(n *yaml.Node) bool {
	switch n.ShortTag() {
	case "!!null":
		w.out = append(w.out, "null"...)
	case "!!bool":
		w.out = strconv.AppendBool(w.out, strings.EqualFold(n.Value, "true"))
	case "!!int", "!!float":
		if v, ok := parseInt(n.Value); ok && n.ShortTag() == "!!int" {
			w.out = v.append(w.out)
			return true
		}
		f, err := parseFloat(n.Value)
		if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
			return w.wrong(n, "a finite number", "")
		}
		w.out = strconv.AppendFloat(w.out, f, 'g', -1, 64)
	default:
		w.out = appendString(w.out, n.Value)
	}
	return true
}

func isIdentifier(s string) bool {
	for i := range len(s) {
		c := s[i]
		if good := c == '_' || c == '-' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'; !good {
			return false
		}
	}
	return s != ""
}

// appendString appends s as a JSON string.
func appendString(out []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' {
			quoted, err := json.Marshal(s)
			if err != nil {
				return append(out, `""`...)
			}
			return append(out, quoted...)
		}
	}
	out = append(out, '"')
	out = append(out, s...)
	return append(out, '"')
}
