package digest

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"
)

// encoder appends the canonical encoding of v to b. Everything of variable length carries its length, so that
// neighbours cannot run into each other.
type encoder = func(b []byte, v reflect.Value) []byte

func encoderOf(t reflect.Type, methods bool, busy making) encoder {
	switch t.Kind() {
	case reflect.Bool:
		return encodeBool
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return func(b []byte, v reflect.Value) []byte { return appendUint(b, uint64(v.Int())) }
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return func(b []byte, v reflect.Value) []byte { return appendUint(b, v.Uint()) }
	case reflect.Float32, reflect.Float64:
		return func(b []byte, v reflect.Value) []byte { return appendUint(b, math.Float64bits(v.Float())) }
	case reflect.String:
		return func(b []byte, v reflect.Value) []byte { return appendString(b, v.String()) }
	case reflect.Pointer:
		return pointerEncoder(build(t.Elem(), methods, busy))
	case reflect.Interface:
		return interfaceEncoder(t, methods)
	case reflect.Slice:
		return sliceEncoder(t, methods, busy)
	case reflect.Array:
		return arrayEncoder(t, methods, busy)
	case reflect.Map:
		return mapEncoder(t, methods, busy)
	case reflect.Struct:
		return structEncoder(t, methods, busy)
	default:
		panic(fmt.Sprintf("digest: a %v has no content to hash", t))
	}
}

func appendUint(b []byte, u uint64) []byte { return binary.LittleEndian.AppendUint64(b, u) }

func appendString(b []byte, s string) []byte { return append(appendUint(b, uint64(len(s))), s...) }

func encodeBool(b []byte, v reflect.Value) []byte {
	if v.Bool() {
		return append(b, present)
	}
	return append(b, absent)
}

func encodeTime(b []byte, v reflect.Value) []byte {
	t := v.Interface().(time.Time)
	return appendUint(appendUint(b, uint64(t.Unix())), uint64(t.Nanosecond()))
}

func encodeDigester(b []byte, v reflect.Value) []byte {
	if v.Kind() == reflect.Pointer && v.IsNil() {
		return append(b, absent)
	}
	sum := v.Interface().(Digester).ContentDigest()
	return append(append(b, present), sum[:]...)
}

func encodeMessage(b []byte, v reflect.Value) []byte {
	if v.Kind() == reflect.Pointer && v.IsNil() {
		return append(b, absent)
	}
	at := len(b)
	b = appendUint(append(b, present), 0)
	start := len(b)
	b, err := proto.MarshalOptions{Deterministic: true, AllowPartial: true}.MarshalAppend(b, v.Interface().(proto.Message))
	if err != nil { // invalid UTF-8: such a message reaches no proxy, but it must not pass for a valid one
		b = append(b, err.Error()...)
	}
	binary.LittleEndian.PutUint64(b[at+1:], uint64(len(b)-start))
	return b
}

func pointerEncoder(elem *plan) encoder {
	return func(b []byte, v reflect.Value) []byte {
		if v.IsNil() {
			return append(b, absent)
		}
		return elem.encode(append(b, present), v.Elem())
	}
}

// interfaceEncoder writes the dynamic type as well: 1 and "1" in an `any` differ even when their bytes would not.
func interfaceEncoder(t reflect.Type, methods bool) encoder {
	if !methods {
		panic(fmt.Sprintf("digest: the interface %v is held in an unexported field; export the field", t))
	}
	return func(b []byte, v reflect.Value) []byte {
		if v.IsNil() {
			return append(b, absent)
		}
		v = v.Elem()
		b = appendString(append(b, present), v.Type().String())
		return planOf(v.Type()).encode(b, v)
	}
}

func sliceEncoder(t reflect.Type, methods bool, busy making) encoder {
	if t.Elem().Kind() == reflect.Uint8 {
		return func(b []byte, v reflect.Value) []byte {
			if v.IsNil() {
				return append(b, absent)
			}
			return append(appendUint(append(b, present), uint64(v.Len())), v.Bytes()...)
		}
	}
	elem := build(t.Elem(), methods, busy)
	return func(b []byte, v reflect.Value) []byte {
		if v.IsNil() {
			return append(b, absent)
		}
		n := v.Len()
		b = appendUint(append(b, present), uint64(n))
		for i := range n {
			b = elem.encode(b, v.Index(i))
		}
		return b
	}
}

func arrayEncoder(t reflect.Type, methods bool, busy making) encoder {
	elem, n, bytes := build(t.Elem(), methods, busy), t.Len(), t.Elem().Kind() == reflect.Uint8
	return func(b []byte, v reflect.Value) []byte {
		if bytes && v.CanAddr() {
			return append(b, v.Bytes()...)
		}
		for i := range n {
			b = elem.encode(b, v.Index(i))
		}
		return b
	}
}

func mapEncoder(t reflect.Type, methods bool, busy making) encoder {
	if t == reflect.TypeFor[map[string]string]() && methods {
		return encodeLabels
	}
	key, elem := build(t.Key(), methods, busy), build(t.Elem(), methods, busy)
	return func(b []byte, v reflect.Value) []byte {
		if v.IsNil() {
			return append(b, absent)
		}
		entries := make([]string, 0, v.Len())
		for it := v.MapRange(); it.Next(); {
			entries = append(entries, string(elem.encode(key.encode(nil, it.Key()), it.Value())))
		}
		slices.Sort(entries)
		b = appendUint(append(b, present), uint64(len(entries)))
		for _, e := range entries {
			b = append(b, e...)
		}
		return b
	}
}

// encodeLabels is the common case of a map, without reflection.
func encodeLabels(b []byte, v reflect.Value) []byte {
	m := v.Interface().(map[string]string)
	if m == nil {
		return append(b, absent)
	}
	var room [16]string
	keys := slices.AppendSeq(room[:0], maps.Keys(m))
	slices.Sort(keys)
	b = appendUint(append(b, present), uint64(len(keys)))
	for _, k := range keys {
		b = appendString(appendString(b, k), m[k])
	}
	return b
}

// structEncoder hashes a struct by its own Digest field when it has one that is set, else by all fields.
func structEncoder(t reflect.Type, methods bool, busy making) encoder {
	if f, ok := t.FieldByName("Digest"); ok && len(f.Index) == 1 && !f.Anonymous && f.Type.Kind() == reflect.Array &&
		f.Type.ConvertibleTo(reflect.TypeFor[[16]byte]()) {
		return digestEncoder(t, methods, f)
	}
	return fieldsEncoder(t, methods, busy)
}

// digestEncoder plans for the other fields only when a value without a digest comes: most types never need it.
func digestEncoder(t reflect.Type, methods bool, f reflect.StructField) encoder {
	sum := build(f.Type, methods && f.IsExported(), making{})
	fields := sync.OnceValue(func() encoder { return fieldsEncoder(t, methods, making{}) })
	return func(b []byte, v reflect.Value) []byte {
		if d := v.Field(f.Index[0]); !d.IsZero() {
			return sum.encode(append(b, present), d)
		}
		return fields()(append(b, absent), v)
	}
}

func fieldsEncoder(t reflect.Type, methods bool, busy making) encoder {
	fields := make([]*plan, t.NumField())
	for i := range fields {
		if f := t.Field(i); f.Name != "_" {
			fields[i] = build(f.Type, methods && f.IsExported(), busy)
		}
	}
	return func(b []byte, v reflect.Value) []byte {
		for i, f := range fields {
			if f != nil {
				b = f.encode(b, v.Field(i))
			}
		}
		return b
	}
}
