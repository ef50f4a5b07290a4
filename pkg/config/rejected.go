package config

import (
	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/config/coverage"
)

// reject marks a field, or values of it, that the table says nothing comes of.
func reject(f *field, fd protoreflect.FieldDescriptor, table map[string]coverage.Line) {
	message := string(fd.ContainingMessage().FullName())
	if line, found := table[coverage.Key(message, f.name, "")]; found {
		f.rejected = &line
	}
	s := f.schema
	for s.kind == listValue || s.kind == mapValue {
		s = s.elem
	}
	values := s.enum
	if s.kind == boolValue {
		values = []string{"true"}
	}
	for _, value := range values {
		if line, found := table[coverage.Key(message, f.name, value)]; found {
			if s.rejected == nil {
				s.rejected = map[string]coverage.Line{}
			}
			s.rejected[value] = line
		}
	}
}

// set reads a field. Where nothing comes of setting it that is said once, and not of what is in it.
func (w *walker) set(key, value *yaml.Node, f *field) {
	if f.rejected != nil && !unset(resolve(value)) {
		w.rejection(key, "has no effect: ", *f.rejected)
		w.rejected++
		defer func() { w.rejected-- }()
	}
	w.member(f, value)
}

func (w *walker) rejection(n *yaml.Node, prefix string, line coverage.Line) {
	if w.rejected > 0 {
		return
	}
	code, severity := Code(line.Code), Warning
	if d, found := codes.Lookup(code); found && d.Level == codes.Error {
		severity = Error
	}
	if severity == Error {
		prefix = ""
	}
	w.coded(code, n, severity, prefix+line.Reason, line.Fix)
}

// unset reports a value that means the same as leaving the field out.
func unset(n *yaml.Node) bool {
	switch n.Kind {
	case yaml.ScalarNode:
		return n.Value == "" || n.ShortTag() == "!!bool" && (n.Value == "false" || n.Value == "no" || n.Value == "off") || n.ShortTag() == "!!int" && n.Value == "0"
	default:
		return len(n.Content) == 0
	}
}
