package translate

import (
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"
)

// validate runs the generated Validate of a message and of every message packed in it.
func validate(m proto.Message) error {
	if v, ok := m.(interface{ ValidateAll() error }); ok {
		if err := v.ValidateAll(); err != nil {
			return err
		}
	}
	var failed error
	visit(m.ProtoReflect(), func(a *anypb.Any) {
		inner, err := a.UnmarshalNew()
		if err == nil {
			err = validate(inner)
		}
		if err != nil && failed == nil {
			failed = fmt.Errorf("%s: %w", a.TypeUrl, err)
		}
	})
	return failed
}

// visit finds every Any below a message.
func visit(m protoreflect.Message, found func(*anypb.Any)) {
	if a, ok := m.Interface().(*anypb.Any); ok {
		found(a)
		return
	}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsMap() && f.MapValue().Message() != nil:
			v.Map().Range(func(_ protoreflect.MapKey, e protoreflect.Value) bool { visit(e.Message(), found); return true })
		case f.IsList() && f.Message() != nil:
			for i := range v.List().Len() {
				visit(v.List().Get(i).Message(), found)
			}
		case f.Message() != nil && !f.IsMap() && !f.IsList():
			visit(v.Message(), found)
		}
		return true
	})
}
