package config

import (
	"iter"
	"slices"

	"github.com/meshctl/meshctl/internal/table"
)

// Batch is what a source emits: a full state first, then increments.
type Batch struct {
	// Full means that the batch replaces everything the source said before.
	Full bool
	// Upserts are new or changed objects; each key stands at most once.
	Upserts []*Object
	// Deletes are keys that are gone. A key that was never there is no error.
	Deletes []Key
	// Problems is the complete list of what is wrong now with the source's input (not an increment): it replaces the
	// list of the batch before.
	Problems []Problem
}

// Set is an immutable set of objects with one table per kind. The zero value is empty.
type Set struct {
	kinds map[Kind]table.Map[Key, *Object]
}

// Get returns the object under key, or nil.
func (s Set) Get(key Key) *Object {
	o, _ := s.kinds[key.Kind].Get(key)
	return o
}

// Len returns the number of objects of a kind.
func (s Set) Len(kind Kind) int { return s.kinds[kind].Len() }

// All ranges over the objects of a kind in no particular order.
func (s Set) All(kind Kind) iter.Seq[*Object] {
	return func(yield func(*Object) bool) {
		for _, o := range s.kinds[kind].All() {
			if !yield(o) {
				return
			}
		}
	}
}

// With returns the set after the batch. A Full batch starts from an empty set.
func (s Set) With(b Batch) Set {
	out := Set{kinds: map[Kind]table.Map[Key, *Object]{}}
	if !b.Full {
		for k, t := range s.kinds {
			out.kinds[k] = t
		}
	}
	edits := map[Kind]*table.Editor[Key, *Object]{}
	edit := func(k Kind) *table.Editor[Key, *Object] {
		if edits[k] == nil {
			edits[k] = out.kinds[k].Edit()
		}
		return edits[k]
	}
	for _, key := range b.Deletes {
		edit(key.Kind).Delete(key)
	}
	for _, o := range b.Upserts {
		edit(o.Key.Kind).Set(o.Key, o)
	}
	for k, e := range edits {
		out.kinds[k] = e.Map()
	}
	return out
}

// Kinds returns the kinds that have objects, in the order of their names.
func (s Set) Kinds() []Kind {
	kinds := make([]Kind, 0, len(s.kinds))
	for k, t := range s.kinds {
		if t.Len() > 0 {
			kinds = append(kinds, k)
		}
	}
	slices.SortFunc(kinds, func(a, b Kind) int { return Key{Kind: a}.Compare(Key{Kind: b}) })
	return kinds
}

// Sorted returns the objects of a kind in the order of their keys.
func (s Set) Sorted(kind Kind) []*Object {
	objects := slices.AppendSeq(make([]*Object, 0, s.Len(kind)), s.All(kind))
	slices.SortFunc(objects, func(a, b *Object) int { return a.Key.Compare(b.Key) })
	return objects
}

// Keys returns all keys in order.
func (s Set) Keys() []Key {
	var keys []Key
	for _, kind := range s.Kinds() {
		for _, o := range s.Sorted(kind) {
			keys = append(keys, o.Key)
		}
	}
	return keys
}
