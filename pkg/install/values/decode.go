package values

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/meshctl/meshctl/pkg/config"
)

// resources are what containers ask for; the defaults do not name every resource that there is.
var resources = map[string]any{"requests": map[string]any{}, "limits": map[string]any{}}

// places are entries for single places of a list.
type places map[int]any

// decode reads a value as the default in its place tells: a mapping with names has these names and no others; an empty mapping or list, or
// null, takes any content; a word, a number, true or false takes its like. What is wrong is a problem of b and left out.
func (b *builder) decode(l layer, n *yaml.Node, like any, path []string) (value any, ok bool) {
	if n = resolve(n); isNull(n) {
		return nil, true
	}
	switch like := like.(type) {
	case nil:
		return b.free(l, n, path)
	case map[string]any:
		if n.Kind != yaml.MappingNode || n.Tag == atTag {
			b.wrong(l, n, path, "must be a mapping")
			return nil, false
		}
		if len(like) == 0 {
			return b.free(l, n, path)
		}
		if path[len(path)-1] == "resources" {
			like = resources
		}
		return b.mapping(l, n, like, path), true
	case []any:
		if n.Kind != yaml.SequenceNode && n.Tag != atTag {
			b.wrong(l, n, path, "must be a list")
			return nil, false
		}
		return b.free(l, n, path)
	default:
		if n.Kind != yaml.ScalarNode {
			b.wrong(l, n, path, "must be a single value, such as "+example(like))
			return nil, false
		}
		return b.scalar(l, n, like, path)
	}
}

func (b *builder) mapping(l layer, n *yaml.Node, like map[string]any, path []string) map[string]any {
	out := map[string]any{}
	for k, v := range b.distinct(l, n, path) {
		at := append(slices.Clone(path), k.Value)
		inner, known := like[k.Value]
		if b.unsupported(l, k, v, at) {
			continue
		}
		if !known {
			b.unknown(l, k, at, like)
			continue
		}
		if value, ok := b.decode(l, v, inner, at); ok {
			out[k.Value] = value
		}
	}
	return out
}

// distinct yields the fields of a mapping; a name that is written twice is a problem.
func (b *builder) distinct(l layer, n *yaml.Node, path []string) func(yield func(k, v *yaml.Node) bool) {
	return func(yield func(k, v *yaml.Node) bool) {
		seen := map[string]bool{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			k := n.Content[i]
			if seen[k.Value] {
				b.wrong(l, k, append(slices.Clone(path), k.Value), "is there twice; the second one would silently win")
			}
			seen[k.Value] = true
		}
		for k, v := range fields(n) {
			if !yield(k, v) {
				return
			}
		}
	}
}

var percentage = regexp.MustCompile(`^[0-9]+%$`)

func (b *builder) scalar(l layer, n *yaml.Node, like any, path []string) (any, bool) {
	switch like.(type) {
	case bool:
		if v, err := strconv.ParseBool(n.Value); err == nil {
			return v, true
		}
		b.wrong(l, n, path, fmt.Sprintf("must be true or false, and is %q", n.Value))
		return nil, false
	case int:
		if v, err := strconv.Atoi(n.Value); err == nil {
			return v, true
		}
		if percentage.MatchString(n.Value) {
			return n.Value, true
		}
		b.wrong(l, n, path, fmt.Sprintf("must be a whole number, and is %q", n.Value))
		return nil, false
	default:
		return n.Value, true // a tag such as 1.20 is not the number 1.2
	}
}

// free reads content of which nothing is known.
func (b *builder) free(l layer, n *yaml.Node, path []string) (any, bool) {
	n = resolve(n)
	switch {
	case n.Tag == atTag:
		out := places{}
		for k, v := range fields(n) {
			i, _ := strconv.Atoi(k.Value) // written by setting
			out[i], _ = b.free(l, v, path)
		}
		return out, true
	case n.Kind == yaml.MappingNode:
		out := map[string]any{}
		for k, v := range b.distinct(l, n, path) {
			at := append(slices.Clone(path), k.Value)
			if out[k.Value], _ = b.free(l, v, at); strings.HasSuffix(join(path), "pilot.env") {
				b.variable(l, k, at, k.Value)
			}
		}
		return out, true
	case n.Kind == yaml.SequenceNode:
		out := []any{}
		for i, v := range n.Content {
			value, _ := b.free(l, v, append(slices.Clone(path), index(i)))
			out = append(out, value)
		}
		return out, true
	default:
		var out any
		if err := n.Decode(&out); err != nil {
			b.wrong(l, n, path, "cannot be read as "+n.Tag)
			return nil, false
		}
		return out, true
	}
}

func example(like any) string {
	if s, ok := like.(string); ok {
		return strconv.Quote(s)
	}
	return fmt.Sprint(like)
}

// wrong adds a problem.
func (b *builder) wrong(l layer, n *yaml.Node, path []string, message string) {
	b.problems = append(b.problems, fmt.Errorf("%s%s", place(l.position(n), join(slices.Concat(l.path, path))), message))
}

func (b *builder) warn(l layer, n *yaml.Node, path []string, message string) {
	b.warnings = append(b.warnings, Warning{l.position(n), join(slices.Concat(l.path, path)), message})
}

// unknown says what may have been meant.
func (b *builder) unknown(l layer, key *yaml.Node, path []string, like map[string]any) {
	message := "there is no such setting"
	if meant := b.nearest(l, path, like); meant != "" {
		message += "; did you mean " + meant + "?"
	}
	b.wrong(l, key, path, message)
}

// nearest returns the valid path that was most likely meant: one that differs in the last name, or else one with that name somewhere else.
func (b *builder) nearest(l layer, path []string, like map[string]any) string {
	last := path[len(path)-1]
	if name := config.Nearest(last, slices.Sorted(maps.Keys(like))); name != "" {
		return join(append(slices.Concat(l.path, path[:len(path)-1]), name))
	}
	best := ""
	for _, p := range paths(b.tree, nil) {
		if strings.HasSuffix("."+p, "."+last) && (best == "" || len(p) < len(best)) {
			best = p
		}
	}
	if best != "" && l.operator {
		return join(l.path) + ".values." + best
	}
	return best
}

// paths lists every path of a tree, in order.
func paths(tree map[string]any, prefix []string) []string {
	var out []string
	for _, key := range slices.Sorted(maps.Keys(tree)) {
		at := append(slices.Clone(prefix), key)
		out = append(out, join(at))
		if inner, ok := tree[key].(map[string]any); ok {
			out = append(out, paths(inner, at)...)
		}
	}
	return out
}
