package values

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/meshctl/meshctl/pkg/config"
)

// layer is one source of values: a document of a file, or a single setting.
type layer struct {
	name string // of the file, or the text of the setting
	root *yaml.Node
	// operator says that it is the spec of an IstioOperator, in which Helm values have a place of their own; path is where it stands.
	operator bool
	path     []string
}

// text is the value of a scalar at the top of the layer, or "".
func (l layer) text(key string) string {
	for k, v := range fields(l.root) {
		if k.Value == key && v.Kind == yaml.ScalarNode {
			return v.Value
		}
	}
	return ""
}

func (l layer) position(n *yaml.Node) config.Position {
	return config.Position{File: l.name, Line: n.Line, Column: n.Column}
}

// fields yields keys and values of a mapping; those of merged mappings ("<<") come first, as they count least.
func fields(n *yaml.Node) func(yield func(k, v *yaml.Node) bool) {
	return func(yield func(k, v *yaml.Node) bool) {
		if n = resolve(n); n == nil || n.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Tag == "!!merge" {
				for k, v := range fields(n.Content[i+1]) {
					if !yield(k, v) {
						return
					}
				}
			}
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Tag != "!!merge" && !yield(n.Content[i], resolve(n.Content[i+1])) {
				return
			}
		}
	}
}

func resolve(n *yaml.Node) *yaml.Node {
	if n != nil && n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

func scalar(text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
}

// maxNodes bounds what aliases can make of a file.
const maxNodes = 200_000

// readFile reads the documents of a file.
func readFile(f File) ([]layer, error) {
	var layers []layer
	dec := yaml.NewDecoder(strings.NewReader(string(f.Data)))
	for {
		var doc yaml.Node
		err := dec.Decode(&doc)
		switch {
		case errors.Is(err, io.EOF):
			return layers, nil
		case err != nil:
			return nil, fmt.Errorf("%s: %s", f.Name, strings.TrimPrefix(err.Error(), "yaml: "))
		}
		if len(doc.Content) == 0 || isNull(doc.Content[0]) {
			continue
		}
		budget := maxNodes
		if !within(doc.Content[0], &budget) {
			return nil, fmt.Errorf("%s: its aliases make it larger than %d values", f.Name, maxNodes)
		}
		l, err := document(f.Name, doc.Content[0])
		if err != nil {
			return nil, err
		}
		layers = append(layers, l)
	}
}

func within(n *yaml.Node, budget *int) bool {
	if *budget--; *budget < 0 {
		return false
	}
	n = resolve(n)
	return !slices.ContainsFunc(n.Content, func(c *yaml.Node) bool { return !within(c, budget) })
}

// document tells an IstioOperator from plain values.
func document(file string, root *yaml.Node) (layer, error) {
	l := layer{name: file, root: root}
	if root.Kind != yaml.MappingNode {
		return l, fmt.Errorf("%s: must be a mapping: Helm values, or an IstioOperator resource", l.position(root))
	}
	kind, group := l.text("kind"), l.text("apiVersion")
	if kind == "" && group == "" {
		return l, nil
	}
	if kind != "IstioOperator" || !strings.HasPrefix(group, "install.istio.io/") {
		return l, fmt.Errorf("%s: is %s %s: a file for an installation holds Helm values or an IstioOperator resource (apiVersion: install.istio.io/v1alpha1)",
			l.position(root), group, kind)
	}
	l.operator, l.path = true, []string{"spec"}
	var metadata *yaml.Node
	l.root = &yaml.Node{Kind: yaml.MappingNode}
	for k, v := range fields(root) {
		switch k.Value {
		case "spec":
			l.root = v
		case "metadata":
			metadata = v
		case "apiVersion", "kind", "status":
		default:
			return l, fmt.Errorf("%s: %s: an IstioOperator has no such field; its settings are in spec", l.position(k), k.Value)
		}
	}
	l.namespace(metadata)
	return l, nil
}

// namespace takes the resource's own namespace for that of the installation, unless the spec names one.
func (l *layer) namespace(metadata *yaml.Node) {
	if at := (layer{root: metadata}).text("namespace"); at != "" && l.text("namespace") == "" {
		spec := *l.root
		spec.Content = append([]*yaml.Node{scalar("namespace"), scalar(at)}, spec.Content...)
		l.root = &spec
	}
}

// join renders a path: "pilot.env", "tolerations[0]".
func join(path []string) string {
	var b strings.Builder
	for i, p := range path {
		if i > 0 && !strings.HasPrefix(p, "[") {
			b.WriteByte('.')
		}
		b.WriteString(p)
	}
	return b.String()
}

func index(i int) string { return "[" + strconv.Itoa(i) + "]" }
