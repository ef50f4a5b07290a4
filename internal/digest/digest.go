// Package digest hashes values by content: two values have the same digest when everything in them is equal.
//
// The control plane memoises by it: the input of a translation is one struct, and the digest of that struct is the
// cache key, so that a dependency cannot be forgotten. The encoding is canonical within one build of the program and
// is never stored.
package digest

import (
	"reflect"
	"sync"

	"github.com/zeebo/xxh3"
)

// Digester is implemented by values that know their own content hash.
type Digester interface {
	// ContentDigest returns a hash that changes whenever the content changes.
	ContentDigest() [16]byte
}

var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 2048); return &b }}

// Of returns the 128-bit xxh3 hash of v's content.
//
// Structs are hashed field by field (unexported fields too), slices and arrays in order, maps by sorted keys;
// pointers and interfaces are followed, and nil differs from a zero value. Protobuf messages are hashed by their
// deterministic encoding. Two things stand for all of a value's content: the result of its ContentDigest method, and
// an own (not embedded) field `Digest` of type [16]byte that is not zero. Functions, channels, uintptrs and protobuf messages held
// by value have no content: a type that contains one panics at the first use, whatever the value. Values must not contain cycles.
func Of(v any) [16]byte {
	buf := buffers.Get().(*[]byte)
	b := (*buf)[:0]
	if v == nil {
		b = append(b, absent)
	} else {
		rv := reflect.ValueOf(v)
		b = planOf(rv.Type()).encode(b, rv)
	}
	sum := xxh3.Hash128(b)
	if cap(b) <= 1<<20 { // one giant message must not stay in memory for ever
		*buf = b
		buffers.Put(buf)
	}
	return sum.Bytes()
}
