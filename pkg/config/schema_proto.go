package config

import (
	"math"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/meshctl/meshctl/pkg/config/coverage"
)

// protoCompiler compiles messages to schemas; it remembers them by name, because messages may contain themselves.
type protoCompiler map[protoreflect.FullName]*schema

// message compiles a message as protobuf's JSON mapping reads it: fields by their JSON name and by their original one.
// See https://protobuf.dev/programming-guides/json/.
func (c protoCompiler) message(md protoreflect.MessageDescriptor) *schema {
	if s := c.wellKnown(md); s != nil {
		return s
	}
	if s := c[md.FullName()]; s != nil {
		return s
	}
	s := &schema{kind: objectValue}
	c[md.FullName()] = s
	fields := md.Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		f := &field{name: fd.JSONName(), schema: c.field(fd)}
		if one := fd.ContainingOneof(); one != nil && !one.IsSynthetic() {
			f.oneof = string(one.Name())
		}
		reject(f, fd, coverage.RejectedFields())
		s.addField(f, string(fd.Name()))
	}
	return s.seal()
}

func (c protoCompiler) field(fd protoreflect.FieldDescriptor) *schema {
	switch {
	case fd.IsMap():
		s := &schema{kind: mapValue, elem: c.single(fd.MapValue())}
		if key := c.single(fd.MapKey()); key.kind != stringValue {
			s.key = key
		}
		return s
	case fd.IsList():
		return &schema{kind: listValue, elem: c.single(fd)}
	default:
		return c.single(fd)
	}
}

func (c protoCompiler) single(fd protoreflect.FieldDescriptor) *schema {
	switch fd.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return c.message(fd.Message())
	case protoreflect.EnumKind:
		s := &schema{kind: enumValue}
		values := fd.Enum().Values()
		for i := range values.Len() {
			s.enum = append(s.enum, string(values.Get(i).Name()))
		}
		return s
	default:
		return scalarSchema(fd.Kind())
	}
}

func scalarSchema(kind protoreflect.Kind) *schema {
	switch kind {
	case protoreflect.BoolKind:
		return &schema{kind: boolValue}
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return &schema{kind: intValue, min: math.MinInt32, max: math.MaxInt32}
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return &schema{kind: intValue, max: math.MaxUint32}
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return &schema{kind: intValue, min: math.MinInt64, max: math.MaxInt64, quoted: true}
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return &schema{kind: intValue, max: math.MaxUint64, quoted: true}
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return &schema{kind: floatValue}
	case protoreflect.BytesKind:
		return &schema{kind: bytesValue}
	default:
		return &schema{kind: stringValue}
	}
}

// wellKnown returns the schema of a message with a JSON form of its own, or nil.
func (c protoCompiler) wellKnown(md protoreflect.MessageDescriptor) *schema {
	switch md.FullName() {
	case "google.protobuf.Duration":
		return &schema{kind: durationValue}
	case "google.protobuf.Timestamp":
		return &schema{kind: timeValue}
	case "google.protobuf.Struct", "google.protobuf.Any":
		return &schema{kind: anyObjectValue}
	case "google.protobuf.Value":
		return &schema{kind: anyValue}
	case "google.protobuf.ListValue":
		return &schema{kind: listValue, elem: &schema{kind: anyValue}}
	case "google.protobuf.BoolValue", "google.protobuf.StringValue", "google.protobuf.BytesValue",
		"google.protobuf.Int32Value", "google.protobuf.UInt32Value", "google.protobuf.Int64Value",
		"google.protobuf.UInt64Value", "google.protobuf.FloatValue", "google.protobuf.DoubleValue":
		return scalarSchema(md.Fields().ByName("value").Kind())
	default:
		return nil
	}
}
