package proxyconfig

import (
	"encoding/json"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// normalize gives the JSON form of a message the one spelling that Envoy's dumps have: field names as in the .proto
// files, enums by name, 64 bit integers as strings, floating-point numbers in their shortest form, no fields at their
// default where a default cannot be told from absence. Fields and types that are not known stay as they are.
func normalize(t Tree, md protoreflect.MessageDescriptor) Tree {
	out := make(Tree, len(t))
	for key, value := range t {
		fd := md.Fields().ByName(protoreflect.Name(key))
		if fd == nil {
			fd = md.Fields().ByJSONName(key)
		}
		if fd == nil {
			out[key] = value
			continue
		}
		if value = normalizeField(value, fd); value != nil {
			out[string(fd.Name())] = value
		}
	}
	return out
}

// normalizeField returns nil for a field that is as good as absent.
func normalizeField(v any, fd protoreflect.FieldDescriptor) any {
	switch {
	case v == nil:
		return nil
	case fd.IsMap():
		m, ok := v.(Tree)
		if !ok {
			return v
		}
		out := make(Tree, len(m))
		for k, value := range m {
			out[k] = normalizeValue(value, fd.MapValue())
		}
		return orNil(out, len(out))
	case fd.IsList():
		list, ok := v.([]any)
		if !ok {
			return v
		}
		out := make([]any, len(list))
		for i, value := range list {
			out[i] = normalizeValue(value, fd)
		}
		return orNil(out, len(out))
	}
	v = normalizeValue(v, fd)
	if !fd.HasPresence() && isDefault(v, fd) {
		return nil
	}
	return v
}

func orNil(v any, n int) any {
	if n == 0 {
		return nil
	}
	return v
}

func isDefault(v any, fd protoreflect.FieldDescriptor) bool {
	switch v := v.(type) {
	case bool:
		return !v
	case json.Number:
		return v == "0"
	case string:
		if e := fd.Enum(); e != nil {
			zero := e.Values().ByNumber(0)
			return zero != nil && v == string(zero.Name())
		}
		return v == "" || (v == "0" && fd.Kind() != protoreflect.StringKind && fd.Kind() != protoreflect.BytesKind)
	default:
		return false
	}
}

func normalizeValue(v any, fd protoreflect.FieldDescriptor) any {
	switch fd.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return normalizeMessage(v, fd.Message())
	case protoreflect.EnumKind:
		if n, ok := v.(json.Number); ok {
			if i, err := strconv.ParseInt(n.String(), 10, 32); err == nil {
				if value := fd.Enum().Values().ByNumber(protoreflect.EnumNumber(i)); value != nil {
					return string(value.Name())
				}
			}
		}
		return v
	case protoreflect.Int64Kind, protoreflect.Uint64Kind, protoreflect.Sint64Kind, protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind:
		if n, ok := v.(json.Number); ok {
			return n.String()
		}
		return v
	case protoreflect.FloatKind:
		return shortest(v, 32)
	case protoreflect.DoubleKind:
		return shortest(v, 64)
	default:
		return v
	}
}

func shortest(v any, bits int) any {
	n, ok := v.(json.Number)
	if !ok {
		return v
	}
	f, err := strconv.ParseFloat(n.String(), bits)
	if err != nil {
		return v
	}
	return json.Number(strconv.FormatFloat(f, 'g', -1, bits))
}

func normalizeMessage(v any, md protoreflect.MessageDescriptor) any {
	if md.ParentFile().Package() == "google.protobuf" {
		return normalizeWellKnown(v, md)
	}
	if t, ok := v.(Tree); ok {
		return normalize(t, md)
	}
	return v
}

// normalizeWellKnown handles the messages that have a JSON form of their own.
func normalizeWellKnown(v any, md protoreflect.MessageDescriptor) any {
	switch md.Name() {
	case "Any":
		t, ok := v.(Tree)
		if !ok {
			return v
		}
		return normalizeAny(t)
	case "Struct", "Value", "ListValue":
		return normalizeStruct(v)
	case "DoubleValue", "FloatValue", "Int64Value", "UInt64Value":
		return normalizeValue(v, md.Fields().ByName("value"))
	default:
		return v
	}
}

func normalizeAny(t Tree) Tree {
	url := text(t, "@type")
	mt, err := protoregistry.GlobalTypes.FindMessageByURL(url)
	if err != nil {
		return t
	}
	md := mt.Descriptor()
	if strings.HasPrefix(string(md.FullName()), "google.protobuf.") {
		if value, ok := t["value"]; ok {
			return Tree{"@type": url, "value": normalizeWellKnown(value, md)}
		}
		return t
	}
	out := normalize(t, md)
	out["@type"] = url
	return out
}

// normalizeStruct: every number of a google.protobuf.Struct is a double.
func normalizeStruct(v any) any {
	switch v := v.(type) {
	case Tree:
		out := make(Tree, len(v))
		for k, value := range v {
			out[k] = normalizeStruct(value)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = normalizeStruct(v[i])
		}
		return out
	default:
		return shortest(v, 64)
	}
}
