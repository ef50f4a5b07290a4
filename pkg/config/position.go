package config

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Position returns where the object is written: its first field. It is zero for an object that no file holds.
func (o *Object) Position() Position {
	if o.source == nil {
		return Position{}
	}
	return o.source.start
}

// FieldPosition returns where a field is written, for a path as in "spec.http[0].route[0].weight" or, for the keys of
// maps, "metadata.labels[app.kubernetes.io/name]". Where the path ends early, it is the nearest field above. It points to
// the value when that starts on the line of its key, else to the key. A path may lead on into a value that is YAML itself, such as
// "data[mesh].trustDomain" of a ConfigMap. The source text is parsed on each call.
func (o *Object) FieldPosition(path string) Position { return o.FieldPositions()(path) }

// FieldPositions returns FieldPosition for many fields of one object: the text is parsed once, when the first is asked for. The function is for one
// goroutine, and holds on to the parsed text.
func (o *Object) FieldPositions() func(path string) Position {
	if o.source == nil {
		return func(string) Position { return Position{} }
	}
	var node *yaml.Node
	read := false
	return func(path string) Position {
		if !read {
			node, read = o.source.node(), true
		}
		steps, inside := o.source.within(parsePath(path))
		if node == nil || !inside {
			return o.source.start
		}
		at := descend(node, steps)
		if at == node {
			return o.source.start
		}
		if inner, found := o.embeddedPosition(node, steps); found {
			return inner
		}
		return o.source.position(at.Line, at.Column)
	}
}

// node parses the text and returns where the object begins in it, nil where that cannot be told.
func (d *document) node() *yaml.Node {
	root, failed := d.parse()
	if failed != nil || root == nil {
		return nil
	}
	if node, found := find(root, d.prefix); found {
		return node
	}
	return nil
}

// embeddedPosition finds steps that lead into a value of node which is YAML itself.
func (o *Object) embeddedPosition(node *yaml.Node, steps []step) (Position, bool) {
	for i := 1; i < len(steps); i++ {
		value, found := find(node, steps[:i])
		if !found {
			return Position{}, false
		}
		if value.Kind != yaml.ScalarNode {
			continue
		}
		inner := &document{data: []byte(value.Value), line: 1, column: 1, depth: Limits{}.withDefaults().Depth}
		root, failed := inner.parse()
		if failed != nil || root == nil {
			return Position{}, false
		}
		root = resolve(root)
		at := descend(root, steps[i:])
		if at == root {
			return Position{}, false
		}
		path := append(append([]step{}, o.source.standsAt...), steps[:i]...)
		return embedded{object: o, path: path, text: value.Value}.places()(at.Line, at.Column), true
	}
	return Position{}, false
}

// within turns steps of the object into steps of data, where they lead there.
func (d *document) within(steps []step) (rest []step, inside bool) {
	n := len(d.standsAt)
	if len(steps) < n || !slices.EqualFunc(steps[:n], d.standsAt, func(a, b step) bool { return a.name == b.name }) {
		return nil, false
	}
	return steps[n:], true
}

// descend follows steps as far as they go and returns the node to point at.
func descend(n *yaml.Node, steps []step) (at *yaml.Node) {
	at = n
	for _, s := range steps {
		n = resolve(n)
		var key, next *yaml.Node
		switch n.Kind {
		case yaml.SequenceNode:
			if s.index >= 0 && s.index < len(n.Content) && (s.name == "" || s.isKey) {
				next = n.Content[s.index]
			}
		case yaml.MappingNode:
			key, next = lookup(n, s)
		}
		if next == nil {
			return at
		}
		n, at = next, next
		if key != nil && (next.Line != key.Line || next.Kind == yaml.AliasNode) {
			at = key
		}
	}
	return at
}

// lookup finds a key as it is written or, for a field, in its other spelling (consecutive_errors, consecutiveErrors).
func lookup(n *yaml.Node, s step) (key, value *yaml.Node) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := resolve(n.Content[i])
		if k.Value == s.name {
			return k, n.Content[i+1]
		}
		if key == nil && !s.isKey && camel(k.Value) == camel(s.name) {
			key, value = k, n.Content[i+1]
		}
	}
	return key, value
}

// camel removes the underscores of a protobuf field name: two spellings of one field have one camel.
func camel(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", "")) }

// Line returns a line of the object's file (from 1), for showing it next to a message. It is empty for lines outside
// the object's document, for lines of more than 4 KiB, for objects that no file holds, and always for a Secret.
func (o *Object) Line(n int) string {
	if o.source == nil || o.source.secret {
		return ""
	}
	return o.source.text(n)
}
