package config

import (
	"fmt"
	"strconv"

	"go.yaml.in/yaml/v3"

	"github.com/meshctl/meshctl/pkg/config/codes"
)

// walker checks a document against a schema and, in the same pass, writes it as the JSON that the Go type reads: under
// the canonical names, in canonical spellings, without what is wrong.
type walker struct {
	limits Limits
	// at turns a node into its place in the file.
	at func(*yaml.Node) Position
	// object is whose problems these are.
	object Key
	// secret forbids to repeat values in messages.
	secret bool
	// tolerant makes unknown fields warnings, plain values good for text, and whole numbers good in quotes: for documents that carry fields
	// of many releases and that no API server checks (MeshConfig), only a reader of protobuf's JSON.
	tolerant bool
	// served leaves unknown fields out in silence.
	served bool

	out      []byte
	path     []step
	problems []Problem
	silent   int // > 0 inside what a controller writes
	rejected int // > 0 inside a field that is rejected as a whole
	depth    int
	aliases  int // aliases being expanded now
	// expanded counts the nodes that aliases have stood for so far in the whole document, which may be a list.
	expanded *int
	stopped  bool
}

// failed reports whether any problem leaves the document out.
func (w *walker) failed() bool {
	for _, p := range w.problems {
		if p.Severity == Error {
			return true
		}
	}
	return false
}

func (w *walker) problem(n *yaml.Node, severity Severity, message, fix string) {
	w.coded(codes.SchemaError, n, severity, message, fix)
}

func (w *walker) coded(code Code, n *yaml.Node, severity Severity, message, fix string) {
	if w.silent > 0 || w.stopped {
		return
	}
	if len(w.problems) >= w.limits.Problems {
		w.stopped = true
		message, fix = "more problems follow", "correct those above first"
	}
	w.problems = append(w.problems, Problem{
		Position: w.at(n), Object: w.object, Field: renderPath(w.path), Severity: severity, Code: code, Message: message, Fix: fix,
	})
}

// wrong reports a value that its type cannot hold. The value is left out.
func (w *walker) wrong(n *yaml.Node, want, fix string) bool {
	message := "must be " + want
	switch {
	case n.Kind == yaml.MappingNode:
		message += ", not a mapping"
		if len(n.Content) > 0 && n.Content[0].Kind == yaml.MappingNode { // {{ ... }}
			fix = looksLikeTemplate
		}
	case n.Kind == yaml.SequenceNode:
		message += ", not a list"
	case w.secret:
		fix = ""
	case isNull(n):
		message += ", not empty"
	default:
		message += ", not " + quote(n.Value)
	}
	w.problem(n, Error, message, fix)
	return false
}

func (w *walker) push(s step) { w.path = append(w.path, s) }
func (w *walker) pop()        { w.path = w.path[:len(w.path)-1] }

func isNull(n *yaml.Node) bool {
	n = resolve(n)
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}

func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// value checks n and appends its JSON. It returns false, and appends nothing, when there is nothing to append.
func (w *walker) value(n *yaml.Node, s *schema) bool {
	if n.Kind == yaml.AliasNode {
		w.aliases++
		defer func() { w.aliases-- }()
		n = n.Alias
	}
	if w.depth++; w.depth > w.limits.Depth {
		w.depth--
		w.problem(n, Error, fmt.Sprintf("nested deeper than %d levels", w.limits.Depth), "")
		return false
	}
	defer func() { w.depth-- }()
	if w.aliases > 0 {
		if *w.expanded++; *w.expanded > w.limits.AliasNodes {
			if *w.expanded == w.limits.AliasNodes+1 || len(w.problems) == 0 {
				w.problem(n, Error, fmt.Sprintf("aliases stand for more than %d values", w.limits.AliasNodes), "write the values out")
			}
			return false
		}
	}
	mark := len(w.out)
	if !w.typed(n, s) {
		w.out = w.out[:mark]
		return false
	}
	return true
}

func (w *walker) typed(n *yaml.Node, s *schema) bool {
	switch s.kind {
	case objectValue:
		return w.objectFields(n, s)
	case mapValue:
		return w.mapEntries(n, s)
	case listValue:
		return w.listItems(n, s)
	case anyValue:
		return w.any(n)
	case anyObjectValue:
		if n.Kind != yaml.MappingNode {
			return w.wrong(n, "a mapping", "")
		}
		return w.any(n)
	default:
		if n.Kind != yaml.ScalarNode {
			return w.wrong(n, s.describe(), "")
		}
		return w.scalar(n, s)
	}
}

func (w *walker) objectFields(n *yaml.Node, s *schema) bool {
	if n.Kind != yaml.MappingNode {
		return w.wrong(n, "a mapping", "")
	}
	w.out = append(w.out, '{')
	var seen []*field
	for _, e := range w.entries(n) {
		f := s.fields[e.key.Value]
		if f == nil {
			w.unknown(e.key, s)
			continue
		}
		if isNull(e.value) {
			continue
		}
		w.push(step{name: e.key.Value})
		if w.mayFollow(e.key, f, seen) {
			seen = append(seen, f)
			w.set(e.key, e.value, f)
		}
		w.pop()
	}
	w.out = append(w.out, '}')
	return true
}

// mayFollow reports a field that repeats, or contradicts, one before it.
func (w *walker) mayFollow(key *yaml.Node, f *field, seen []*field) bool {
	for _, other := range seen {
		switch {
		case other == f:
			w.problem(key, Error, "written twice, in two spellings", "keep one")
			return false
		case f.oneof != "" && other.oneof == f.oneof:
			w.problem(key, Error, "cannot be set together with "+other.name, "keep one of them")
			return false
		}
	}
	return true
}

func (w *walker) member(f *field, value *yaml.Node) {
	mark := len(w.out)
	w.comma('{')
	w.out = appendString(w.out, f.name)
	w.out = append(w.out, ':')
	if f.lenient {
		w.silent++
	}
	if !w.value(value, f.schema) {
		w.out = w.out[:mark]
	}
	if f.lenient {
		w.silent--
	}
}

func (w *walker) comma(open byte) {
	if w.out[len(w.out)-1] != open {
		w.out = append(w.out, ',')
	}
}

func (w *walker) unknown(key *yaml.Node, s *schema) {
	if w.served {
		return
	}
	w.push(step{name: key.Value})
	defer w.pop()
	severity := Error
	if w.tolerant {
		severity = Warning
	}
	fix := nearest(key.Value, s.names)
	if fix == "" {
		fix = s.elsewhere(key.Value)
	}
	const few = 12
	if fix == "" && len(s.names) > 0 && len(s.names) <= few {
		fix = "one of " + choices(s.names)
	}
	before := len(w.problems)
	w.coded(codes.UnknownField, key, severity, "unknown field "+quote(key.Value), fix)
	if len(w.problems) > before && !w.stopped {
		w.problems[before].Meant = meant(key.Value, s.names)
	}
}

func (w *walker) mapEntries(n *yaml.Node, s *schema) bool {
	if n.Kind != yaml.MappingNode {
		return w.wrong(n, "a mapping", "")
	}
	w.out = append(w.out, '{')
	for _, e := range w.entries(n) {
		w.push(step{name: e.key.Value, isKey: true})
		if s.key == nil || w.mapKey(e.key, s.key) {
			mark := len(w.out)
			w.comma('{')
			w.out = appendString(w.out, e.key.Value)
			w.out = append(w.out, ':')
			if !w.mapItem(e.value, s.elem) {
				w.out = w.out[:mark]
			}
		}
		w.pop()
	}
	w.out = append(w.out, '}')
	return true
}

// mapItem reads an empty value of a map ("key:" and nothing else) as the API server does: as the empty one of its type.
func (w *walker) mapItem(n *yaml.Node, s *schema) bool {
	if isNull(n) {
		switch s.kind {
		case stringValue, bytesValue:
			w.out = append(w.out, '"', '"')
			return true
		case objectValue, mapValue, anyObjectValue:
			w.out = append(w.out, '{', '}')
			return true
		}
	}
	return w.value(n, s)
}

func (w *walker) mapKey(key *yaml.Node, s *schema) bool {
	mark := len(w.out)
	plain := *key
	if s.kind == intValue || s.kind == boolValue { // JSON has no other keys than text: "8080" is as good as 8080
		plain.Tag = "!!" + map[valueKind]string{intValue: "int", boolValue: "bool"}[s.kind]
	}
	ok := w.scalar(&plain, s)
	w.out = w.out[:mark]
	return ok
}

func (w *walker) listItems(n *yaml.Node, s *schema) bool {
	if n.Kind != yaml.SequenceNode {
		fix := ""
		if n.Kind == yaml.ScalarNode && !isNull(n) {
			fix = "[" + n.Value + "]"
		}
		return w.wrong(n, "a list", fix)
	}
	w.out = append(w.out, '[')
	for i, item := range n.Content {
		w.push(step{index: i})
		mark := len(w.out)
		w.comma('[')
		if !w.value(item, s.elem) {
			w.out = w.out[:mark]
		}
		w.pop()
	}
	w.out = append(w.out, ']')
	return true
}

func (s *schema) describe() string {
	switch s.kind {
	case stringValue:
		return "text"
	case boolValue:
		return "true or false"
	case intValue:
		return "a whole number"
	case floatValue:
		return "a number"
	case bytesValue:
		return "base64 text"
	case enumValue:
		return "one of " + choices(s.enum)
	case durationValue, rawDurationValue:
		return "a duration such as 10s"
	case timeValue:
		return "a time such as 2006-01-02T15:04:05Z"
	case quantityValue:
		return "a quantity such as 500m or 1Gi"
	case intOrStringValue:
		return "a whole number or text"
	case mapValue, objectValue, anyObjectValue:
		return "a mapping"
	case listValue:
		return "a list"
	default:
		return "a value " + strconv.Itoa(int(s.kind))
	}
}
