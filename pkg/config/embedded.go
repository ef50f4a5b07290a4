package config

import (
	"bytes"
	"strings"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	corev1 "k8s.io/api/core/v1"

	"github.com/meshctl/meshctl/pkg/config/codes"
)

// embedded is a YAML text inside a value of an object.
type embedded struct {
	object *Object
	path   []step
	text   string
}

// decode reads the text into message, tolerantly: unknown fields are warnings, values of a wrong type errors, and
// everything else is set.
func (e embedded) decode(message proto.Message) []Problem {
	limits := Limits{}.withDefaults()
	w := &walker{limits: limits, object: e.object.Key, tolerant: true, path: e.path, expanded: new(int)}
	_, isSecret := e.object.Spec.(*corev1.Secret)
	w.secret = isSecret
	place := e.places()
	w.at = func(n *yaml.Node) Position { return place(n.Line, n.Column) }
	doc := &document{data: []byte(e.text), line: 1, column: 1, depth: limits.Depth}
	root, failed := doc.parse()
	switch {
	case failed != nil:
		return []Problem{{
			Position: place(failed.line, failed.column), Object: e.object.Key, Field: renderPath(e.path),
			Severity: Error, Code: codes.Unreadable, Message: failed.message, Fix: failed.fix,
		}}
	case root == nil || isNull(root):
		return nil
	}
	compiled := protoCompiler{}.message(message.ProtoReflect().Descriptor())
	if w.value(root, compiled) {
		if err := protojson.Unmarshal(w.out, message); err != nil {
			w.problem(root, Error, "cannot be converted: "+err.Error(), "")
		}
	}
	return w.problems
}

// places maps a place in the text to one in the file. Literal blocks ("|") and values on one line map exactly; every
// other style to where the value starts.
func (e embedded) places() func(line, column int) Position {
	doc := e.object.source
	if doc == nil {
		return func(int, int) Position { return Position{} }
	}
	if rest, inside := doc.within(e.path); inside && len(doc.standsAt) > 0 && len(rest) == 0 {
		return doc.position
	}
	start := e.object.FieldPosition(renderPath(e.path))
	root, failed := doc.parse()
	if failed != nil || root == nil {
		return func(int, int) Position { return start }
	}
	node, found := find(root, append(append([]step{}, doc.prefix...), e.path...))
	switch {
	case !found:
		return func(int, int) Position { return start }
	case node.Style&yaml.LiteralStyle != 0:
		indent := blockIndent(doc.data, node.Line)
		return func(line, column int) Position { return doc.position(node.Line+line, indent+column) }
	case node.Style&yaml.FoldedStyle == 0 && !strings.Contains(e.text, "\n"):
		quote := 0
		if node.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
			quote = 1
		}
		return func(_, column int) Position { return doc.position(node.Line, node.Column+quote+column-1) }
	default:
		return func(int, int) Position { return start }
	}
}

// find returns the value node at the end of steps.
func find(n *yaml.Node, steps []step) (*yaml.Node, bool) {
	for _, s := range steps {
		n = resolve(n)
		switch {
		case n.Kind == yaml.MappingNode:
			if _, n = lookup(n, s); n == nil {
				return nil, false
			}
		case n.Kind == yaml.SequenceNode && s.index >= 0 && s.index < len(n.Content):
			n = n.Content[s.index]
		default:
			return nil, false
		}
	}
	return resolve(n), true
}

// blockIndent returns by how much a block scalar is indented whose header stands on a line of data (from 1).
func blockIndent(data []byte, header int) int {
	n := 0
	for line := range bytes.Lines(data) {
		if n++; n <= header {
			continue
		}
		if body := bytes.TrimLeft(line, " "); len(bytes.TrimSpace(body)) > 0 {
			return len(line) - len(body)
		}
	}
	return 0
}
