// Package random makes configuration at random from the types of Istio's API: whatever the messages can hold and the coverage table does
// not reject, with values that mean something where it matters. The same seed makes the same configuration.
package random

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/meshctl/meshctl/pkg/config/coverage"
)

// Generator makes values of the messages of Istio's API, as JSON has them.
type Generator struct {
	rand *rand.Rand
	// wild is how many of a hundred values are odd ones: extremes of their type.
	wild  int
	named int
}

// New returns a generator; of a hundred values wild are extremes of their type, which no sane author would write.
func New(seed uint64, wild int) *Generator {
	return &Generator{rand: rand.New(rand.NewPCG(seed, 1)), wild: wild}
}

type object = map[string]any

// chance is true p times of a hundred.
func (g *Generator) chance(p int) bool { return g.rand.IntN(100) < p }

func (g *Generator) pick(words ...string) string { return words[g.rand.IntN(len(words))] }

// some returns one to three of words, each once.
func (g *Generator) some(words ...string) []any {
	var out []any
	for _, i := range g.rand.Perm(len(words))[:1+g.rand.IntN(min(3, len(words)))] {
		out = append(out, words[i])
	}
	return out
}

// short is the name of a message without "istio.GROUP.VERSION.", which is unique enough for the hints.
func short(m protoreflect.MessageDescriptor) string {
	return strings.Join(strings.Split(string(m.FullName()), ".")[3:], ".")
}

// message makes a message: each field is set one time of three, one of a oneof, and those that the message makes no sense without always.
func (g *Generator) message(m protoreflect.MessageDescriptor) any {
	if value := g.wellKnown(m); value != nil {
		return value
	}
	out := object{}
	chosen := map[protoreflect.OneofDescriptor]protoreflect.FieldDescriptor{}
	for i := range m.Oneofs().Len() {
		one := m.Oneofs().Get(i)
		chosen[one] = one.Fields().Get(g.rand.IntN(one.Fields().Len()))
	}
	name := short(m)
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		key := name + "." + f.JSONName()
		one := f.ContainingOneof()
		switch {
		case left[key] || rejected(f, ""):
		case one != nil && chosen[one] != f:
		case required[key] || one != nil && g.chance(80) || g.chance(33):
			if value := g.field(f, key); value != nil {
				out[f.JSONName()] = value
			}
		}
	}
	if sensible := rules[name]; sensible != nil && !g.chance(g.wild) {
		sensible(g, out)
	}
	return out
}

func rejected(f protoreflect.FieldDescriptor, value string) bool {
	_, found := coverage.RejectedFields()[coverage.Key(string(f.ContainingMessage().FullName()), f.JSONName(), value)]
	return found
}

// field makes the value of a field: that of its hint, or one of its type.
func (g *Generator) field(f protoreflect.FieldDescriptor, key string) any {
	hint := hints[key]
	if hint == nil && (f.Message() == nil || f.Message().FullName().Parent() == "google.protobuf" && f.Message().Name() != "Struct") {
		hint = hints[f.JSONName()]
	}
	if hint == nil || g.chance(g.wild) && f.Message() == nil && !f.IsList() && !tame[key] {
		hint = func(g *Generator) any { return g.single(f) }
	}
	switch {
	case f.IsMap():
		out := object{}
		for range 1 + g.rand.IntN(2) {
			out[g.mapKey(f, key)] = g.mapValue(f, key)
		}
		return out
	case f.IsList():
		first := hint(g)
		if whole, ok := first.([]any); ok {
			return whole
		}
		out := []any{first}
		for range g.rand.IntN(2) {
			out = append(out, hint(g))
		}
		return out
	default:
		return hint(g)
	}
}

func (g *Generator) mapKey(f protoreflect.FieldDescriptor, key string) string {
	if hint := hints[key+"[]"]; hint != nil {
		return fmt.Sprint(hint(g))
	}
	if f.MapKey().Kind() != protoreflect.StringKind {
		return g.pick("80", "8080", "7000")
	}
	return g.pick("app", "version", "x-user", "x-team")
}

func (g *Generator) mapValue(f protoreflect.FieldDescriptor, key string) any {
	if hint := hints[key]; hint != nil {
		return hint(g)
	}
	return g.single(f.MapValue())
}

// single makes one value of the type of a field.
func (g *Generator) single(f protoreflect.FieldDescriptor) any {
	odd := g.chance(g.wild)
	switch f.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return g.message(f.Message())
	case protoreflect.EnumKind:
		values := f.Enum().Values()
		for range 10 {
			if value := string(values.Get(g.rand.IntN(values.Len())).Name()); !rejected(f, value) {
				return value
			}
		}
		return string(values.Get(0).Name())
	default:
		return g.scalar(f.Kind(), odd)
	}
}

func (g *Generator) scalar(kind protoreflect.Kind, odd bool) any {
	switch kind {
	case protoreflect.BoolKind:
		return g.chance(60)
	case protoreflect.StringKind:
		if odd {
			return g.pick("", " ", "*", "%", "ü", "a b", "\x01", "%REQ(x)%", "[", "$(x)", "{{x}}", strings.Repeat("long", 100), "\r\nx: y", "-1", "0", "/", "~", ".")
		}
		return g.pick("a", "b", "web", "v1")
	case protoreflect.BytesKind:
		return "aGVsbG8="
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		if odd {
			return []any{0, -1, 1e9, 1e-9, 101}[g.rand.IntN(5)]
		}
		return []any{0.01, 0.5, 12.5, 50, 100}[g.rand.IntN(5)]
	case protoreflect.Int32Kind, protoreflect.Int64Kind:
		if odd {
			return []any{0, -1, 1<<31 - 1, -1 << 31, 65536}[g.rand.IntN(5)]
		}
	}
	if odd {
		return []any{0, uint32(1<<32 - 1), 65535, 65536}[g.rand.IntN(4)]
	}
	return 1 + g.rand.IntN(10)
}

// wellKnown makes values of the messages that have a JSON form of their own, and nil for the others.
func (g *Generator) wellKnown(m protoreflect.MessageDescriptor) any {
	switch m.FullName() {
	case "google.protobuf.Duration":
		if g.chance(g.wild) {
			return g.pick("0s", "-1s", "1ns", "2540000h", "999µs")
		}
		return g.pick("1ms", "250ms", "1s", "5s", "1m30s", "24h")
	case "google.protobuf.Timestamp":
		return "2026-01-02T03:04:05Z"
	case "google.protobuf.Struct":
		return object{"a": "b", "n": 1}
	case "google.protobuf.Value":
		return "x"
	}
	if m.FullName().Parent() == "google.protobuf" && m.Fields().ByName("value") != nil {
		return g.scalar(m.Fields().ByName("value").Kind(), g.chance(g.wild))
	}
	return nil
}
