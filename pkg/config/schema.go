package config

import (
	"maps"
	"slices"

	"github.com/meshctl/meshctl/pkg/config/coverage"
)

// valueKind is the shape of a value in a document.
type valueKind int

const (
	objectValue valueKind = iota // fields known by name
	mapValue                     // any keys, one type of value
	listValue
	stringValue
	boolValue
	intValue
	floatValue
	bytesValue       // base64
	enumValue        // one of a set of words
	durationValue    // Go's spelling ("1m30s"), handed on in the spelling of protobuf's JSON ("90s")
	rawDurationValue // a duration handed on as it is written
	timeValue        // RFC 3339
	quantityValue    // Kubernetes' resource quantity
	intOrStringValue
	anyValue
	anyObjectValue // any JSON, as long as it is an object
)

// schema says what a value may be. Schemas are compiled from Go types once per kind and never change afterwards; those
// of recursive types are cyclic.
type schema struct {
	kind valueKind
	// fields of an object by every accepted spelling; names holds the preferred spellings, sorted.
	fields map[string]*field
	names  []string
	// elem is the type of a list's items or a map's values.
	elem *schema
	// key is the type of a map's keys; nil for text.
	key *schema
	// min and max bound an integer; quoted is true where JSON may write it as text (64 bits in protobuf).
	min    int64
	max    uint64
	quoted bool
	// enum lists the words of an enumeration; emptyOK allows the empty word, which Kubernetes reads as the default.
	enum    []string
	emptyOK bool
	// rejected are the words of an enumeration that have no effect, or must not be used.
	rejected map[string]coverage.Line
	// otherwise is the fix for a word that resembles none of them.
	otherwise string
}

// field is a field of an object.
type field struct {
	name   string // the JSON name that the Go type reads
	schema *schema
	// oneof names the group of fields of which only one may be set; empty for most.
	oneof string
	// lenient is set for what a controller writes (status): unknown fields and odd values there are nobody's mistake.
	lenient bool
	// rejected says why nothing comes of setting the field; nil for most.
	rejected *coverage.Line
}

func (s *schema) addField(f *field, spellings ...string) {
	if s.fields == nil {
		s.fields = map[string]*field{}
	}
	for _, spelling := range append(spellings, f.name) {
		s.fields[spelling] = f
	}
}

// seal computes the names for suggestions, after the last addField.
func (s *schema) seal() *schema {
	names := map[string]bool{}
	for _, f := range s.fields {
		names[f.name] = true
	}
	s.names = slices.Sorted(maps.Keys(names))
	return s
}
