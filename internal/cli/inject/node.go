package inject

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/meshctl/meshctl/pkg/inject"
)

// field returns the value of a key; nil when there is none.
func field(n *yaml.Node, key string) *yaml.Node {
	n = resolved(n)
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

func sequence(n *yaml.Node) []*yaml.Node {
	if n = resolved(n); n == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	return n.Content
}

func resolved(n *yaml.Node) *yaml.Node {
	if n != nil && n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// change makes a tree of YAML mean wanted, where it meant old: what is equal is not touched, with its comments and order.
func change(n *yaml.Node, old, wanted any) error {
	if reflect.DeepEqual(old, wanted) {
		return nil
	}
	o, isMap := old.(map[string]any)
	w, staysMap := wanted.(map[string]any)
	if isMap && staysMap && n.Kind == yaml.MappingNode && complete(n, o) {
		return changeMapping(n, o, w)
	}
	was, is := inject.Named(old), inject.Named(wanted)
	if was != nil && is != nil && n.Kind == yaml.SequenceNode {
		return changeSequence(n, was, wanted.([]any))
	}
	return replace(n, wanted)
}

// complete reports whether a mapping holds all its keys itself: merged ones (<<) cannot be changed in place.
func complete(n *yaml.Node, keys map[string]any) bool {
	return len(n.Content) == 2*len(keys) && field(n, "<<") == nil
}

func changeMapping(n *yaml.Node, old, wanted map[string]any) error {
	var content []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if to, stays := wanted[key.Value]; stays {
			if err := change(value, old[key.Value], to); err != nil {
				return err
			}
			content = append(content, key, value)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(wanted)) {
		if _, was := old[key]; was {
			continue
		}
		value := &yaml.Node{}
		if err := replace(value, wanted[key]); err != nil {
			return err
		}
		content = append(content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key}, value)
	}
	if len(n.Content) == 0 {
		n.Style &^= yaml.FlowStyle // {} was empty
	}
	n.Content = content
	return nil
}

func changeSequence(n *yaml.Node, old map[string]any, wanted []any) error {
	nodes := map[string]*yaml.Node{}
	for _, item := range n.Content {
		if name := field(item, "name"); name != nil {
			nodes[name.Value] = item
		}
	}
	var content []*yaml.Node
	for _, item := range wanted {
		name := item.(map[string]any)["name"].(string)
		node := nodes[name]
		var err error
		if node == nil {
			node = &yaml.Node{}
			err = replace(node, item)
		} else {
			err = change(node, old[name], item)
		}
		if err != nil {
			return err
		}
		content = append(content, node)
	}
	n.Content = content
	return nil
}

// replace makes a node anew; its comments stay.
func replace(n *yaml.Node, wanted any) error {
	var fresh yaml.Node
	if err := fresh.Encode(wanted); err != nil {
		return err
	}
	fresh.HeadComment, fresh.LineComment, fresh.FootComment = n.HeadComment, n.LineComment, n.FootComment
	*n = fresh
	return nil
}

// encode writes a document in the layout of its text: JSON where it was JSON.
func encode(root *yaml.Node, text []byte) ([]byte, error) {
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) && json.Valid(text) {
		var tree any
		if err := root.Decode(&tree); err != nil {
			return nil, err
		}
		data, err := json.MarshalIndent(tree, "", "  ")
		return append(data, '\n'), err
	}
	var out bytes.Buffer
	if first, _, _ := bytes.Cut(text, []byte("\n")); bytes.HasPrefix(first, []byte("---")) {
		out.WriteString("---\n")
	}
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if !indented(text) {
		encoder.CompactSeqIndent()
	}
	if err := encoder.Encode(root); err != nil {
		return nil, err
	}
	return out.Bytes(), encoder.Close()
}

// indented reports whether the items of sequences stand further right than the key before them.
func indented(text []byte) bool {
	previous := []byte(nil)
	for line := range bytes.Lines(text) {
		if item := bytes.TrimLeft(line, " "); bytes.HasPrefix(item, []byte("- ")) && bytes.HasSuffix(bytes.TrimSpace(previous), []byte(":")) {
			margin := len(previous) - len(bytes.TrimLeft(previous, " -"))
			return len(line)-len(item) > margin
		}
		previous = line
	}
	return false
}
