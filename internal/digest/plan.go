package digest

import (
	"fmt"
	"reflect"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"
)

// Marks in the encoding that tell nil from a zero value.
const (
	absent  = 0
	present = 1
)

// plan is how values of one type are encoded. Plans are made once per type.
type plan struct {
	encode func(b []byte, v reflect.Value) []byte
}

var (
	plans     sync.Map // reflect.Type -> *plan
	messageT  = reflect.TypeFor[proto.Message]()
	digesterT = reflect.TypeFor[Digester]()
	timeT     = reflect.TypeFor[time.Time]()
)

// planOf returns the plan of a type.
func planOf(t reflect.Type) *plan {
	if p, ok := plans.Load(t); ok {
		return p.(*plan)
	}
	p := build(t, true, making{})
	got, _ := plans.LoadOrStore(t, p)
	return got.(*plan)
}

// making holds the plans that are being made, so that a recursive type finds its own.
type making map[request]*plan

type request struct {
	t       reflect.Type
	methods bool
}

// build makes the plan of a type. methods says that values can be turned back into interfaces, which reflection
// forbids for what was reached through an unexported field.
func build(t reflect.Type, methods bool, busy making) *plan {
	id := request{t, methods}
	if p := busy[id]; p != nil {
		return p
	}
	p := &plan{}
	busy[id] = p
	switch {
	case t.Kind() != reflect.Interface && own(t, digesterT):
		p.encode = needMethods(t, methods, encodeDigester)
	case t.Kind() != reflect.Interface && own(t, messageT):
		p.encode = needMethods(t, methods, encodeMessage)
	case t.Kind() == reflect.Struct && own(reflect.PointerTo(t), messageT):
		panic(fmt.Sprintf("digest: %v is a protobuf message held by value; hold a pointer to it", t))
	case t == timeT && methods:
		p.encode = encodeTime
	default:
		p.encode = encoderOf(t, methods, busy)
	}
	return p
}

// needMethods refuses a type that can only be hashed by calling its methods where they cannot be called.
func needMethods(t reflect.Type, methods bool, f encoder) encoder {
	if !methods {
		panic(fmt.Sprintf("digest: %v is held in an unexported field; export the field", t))
	}
	return f
}

// own reports whether t implements an interface by itself and not through an embedded field, whose digest would
// hide t's other fields.
func own(t, iface reflect.Type) bool {
	if !t.Implements(iface) {
		return false
	}
	s := t
	if s.Kind() == reflect.Pointer {
		s = s.Elem()
	}
	if s.Kind() != reflect.Struct {
		return true
	}
	for i := range s.NumField() {
		f := s.Field(i)
		if f.Anonymous && (f.Type.Implements(iface) || reflect.PointerTo(f.Type).Implements(iface)) {
			return false
		}
	}
	return true
}
