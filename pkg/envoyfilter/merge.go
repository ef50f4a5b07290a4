package envoyfilter

import (
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"
)

// merge puts what src sets over dst, by protobuf's rules: messages are merged, lists are appended (or replaced), entries of maps
// replaced. A duration and a wrapped number are one value and are replaced, as their author means it: protobuf would keep the
// seconds of 1.5s under a patch of 0.2s, and true under one of false.
func merge(dst, src proto.Message, replaceLists bool) {
	mergeMessage(dst.ProtoReflect(), src.ProtoReflect(), replaceLists)
}

func mergeMessage(dst, src protoreflect.Message, replaceLists bool) {
	src.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.IsList():
			list := dst.Mutable(fd).List()
			if replaceLists {
				list.Truncate(0)
			}
			for i := range v.List().Len() {
				list.Append(cloneValue(fd, v.List().Get(i)))
			}
		case fd.IsMap():
			into := dst.Mutable(fd).Map()
			v.Map().Range(func(k protoreflect.MapKey, item protoreflect.Value) bool {
				into.Set(k, cloneValue(fd.MapValue(), item))
				return true
			})
		case fd.Message() == nil || single(fd.Message()):
			dst.Set(fd, cloneValue(fd, v))
		default:
			mergeMessage(dst.Mutable(fd).Message(), v.Message(), replaceLists)
		}
		return true
	})
}

func cloneValue(fd protoreflect.FieldDescriptor, v protoreflect.Value) protoreflect.Value {
	if fd.Message() == nil {
		return v
	}
	return protoreflect.ValueOfMessage(proto.Clone(v.Message().Interface()).ProtoReflect())
}

// single reports whether a message stands for one value.
func single(md protoreflect.MessageDescriptor) bool {
	switch md.FullName() {
	case "google.protobuf.Struct", "google.protobuf.Value", "google.protobuf.ListValue", "google.protobuf.Empty":
		return false
	}
	return md.ParentFile().Package() == "google.protobuf"
}

// typed is a message with a typed_config: a filter, a transport socket.
type typed interface {
	proto.Message
	GetTypedConfig() *anypb.Any
}

// mergeTyped merges src into dst, and a typed_config of the same type within, as Istio does.
func mergeTyped(dst, src typed, replaceLists bool) error {
	rest := proto.Clone(src).(typed)
	given, had := src.GetTypedConfig(), dst.GetTypedConfig()
	if given == nil || had == nil {
		merge(dst, rest, replaceLists)
		return nil
	}
	if given.GetTypeUrl() != had.GetTypeUrl() {
		return fmt.Errorf("typed_config is a %s, and what is there is a %s", typeName(given), typeName(had))
	}
	into, err := had.UnmarshalNew()
	if err != nil {
		return err
	}
	from, err := given.UnmarshalNew()
	if err != nil {
		return err
	}
	merge(into, from, replaceLists)
	merge(dst, rest, replaceLists)
	return anypb.MarshalFrom(dst.GetTypedConfig(), into, proto.MarshalOptions{Deterministic: true})
}

func typeName(a *anypb.Any) string {
	return a.GetTypeUrl()[len(a.GetTypeUrl())-len(a.MessageName()):]
}

// pack encodes a message with deterministic bytes.
func pack(m proto.Message) *anypb.Any {
	out := &anypb.Any{}
	_ = anypb.MarshalFrom(out, m, proto.MarshalOptions{Deterministic: true}) // fails only on texts that are not UTF-8, which decoding refuses
	return out
}
