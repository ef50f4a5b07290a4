// Package table provides an immutable map whose edited copies share what did not change.
//
// Cloning a Go map of 100,000 entries costs milliseconds, more than a whole endpoint change may take. A Map is
// cut into shards by the hash of its keys; an edit clones only the shards that it touches (a few hundred entries
// each), so that the cost of a change does not grow with the size of the mesh.
package table

import (
	"hash/maphash"
	"iter"
	"maps"
)

const shardCount = 256

// seed is fixed for the life of the process: every Map must agree on the shard of a key.
var seed = maphash.MakeSeed()

// Map is an immutable map from K to V. The zero value is an empty map. Any number of goroutines may read it.
type Map[K comparable, V any] struct {
	shards *[shardCount]map[K]V
	size   int
}

func shardOf[K comparable](key K) int {
	return int(maphash.Comparable(seed, key) % shardCount)
}

// Get returns the value under key, and whether there is one.
func (m Map[K, V]) Get(key K) (V, bool) {
	if m.shards == nil {
		var zero V
		return zero, false
	}
	v, ok := m.shards[shardOf(key)][key]
	return v, ok
}

// Len returns the number of entries.
func (m Map[K, V]) Len() int { return m.size }

// All ranges over every entry in no particular order; sort where order can be seen.
func (m Map[K, V]) All() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		if m.shards == nil {
			return
		}
		for _, shard := range m.shards {
			for k, v := range shard {
				if !yield(k, v) {
					return
				}
			}
		}
	}
}

// Edit starts a mutable copy of the map. The map itself never changes.
func (m Map[K, V]) Edit() *Editor[K, V] {
	e := &Editor[K, V]{size: m.size}
	if m.shards != nil {
		e.shards = *m.shards
	}
	return e
}

// Editor is the mutable copy that Edit returns. It is for one goroutine and one edit: after Map it must not be used.
type Editor[K comparable, V any] struct {
	shards [shardCount]map[K]V
	owned  [shardCount]bool
	size   int
}

func (e *Editor[K, V]) own(i int) map[K]V {
	if !e.owned[i] {
		e.owned[i] = true
		if e.shards[i] = maps.Clone(e.shards[i]); e.shards[i] == nil {
			e.shards[i] = map[K]V{}
		}
	}
	return e.shards[i]
}

// Get returns the value under key as edited so far.
func (e *Editor[K, V]) Get(key K) (V, bool) {
	v, ok := e.shards[shardOf(key)][key]
	return v, ok
}

// Set stores value under key.
func (e *Editor[K, V]) Set(key K, value V) {
	shard := e.own(shardOf(key))
	before := len(shard)
	shard[key] = value
	e.size += len(shard) - before
}

// Delete removes key; a key that is not there is no error.
func (e *Editor[K, V]) Delete(key K) {
	i := shardOf(key)
	if _, ok := e.shards[i][key]; ok {
		delete(e.own(i), key)
		e.size--
	}
}

// Map ends the edit and returns the result.
func (e *Editor[K, V]) Map() Map[K, V] {
	shards := e.shards
	return Map[K, V]{shards: &shards, size: e.size}
}
