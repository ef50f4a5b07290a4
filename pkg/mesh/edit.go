package mesh

import (
	"cmp"
	"iter"
	"slices"
	"strings"

	"github.com/meshctl/meshctl/internal/table"
	"github.com/meshctl/meshctl/pkg/config"
)

// index is a table of a snapshot. While a change is applied it reads through to the table until the first write.
type index[K comparable, V any] struct {
	table  table.Map[K, V]
	editor *table.Editor[K, V]
}

func (x *index[K, V]) get(key K) V {
	var v V
	if x.editor != nil {
		v, _ = x.editor.Get(key)
	} else {
		v, _ = x.table.Get(key)
	}
	return v
}

func (x *index[K, V]) set(key K, value V) {
	if x.editor == nil {
		x.editor = x.table.Edit()
	}
	x.editor.Set(key, value)
}

func (x *index[K, V]) delete(key K) {
	if x.editor == nil {
		if _, ok := x.table.Get(key); !ok {
			return
		}
		x.editor = x.table.Edit()
	}
	x.editor.Delete(key)
}

// all ranges over the entries; what was written must be settled first.
func (x *index[K, V]) all() iter.Seq2[K, V] {
	x.settle()
	return x.table.All()
}

// settle ends the edit.
func (x *index[K, V]) settle() {
	if x.editor != nil {
		x.table, x.editor = x.editor.Map(), nil
	}
}

// setList edits one entry of a table of immutable slices: a key whose slice becomes empty goes.
func setList[K comparable, T any](x *index[K, []T], key K, list []T) {
	if len(list) == 0 {
		x.delete(key)
		return
	}
	x.set(key, list)
}

// insert returns a copy of a sorted slice with item at its place; an item that compares equal is replaced.
func insert[T any](list []T, item T, order func(a, b T) int) []T {
	at, found := slices.BinarySearchFunc(list, item, order)
	out := make([]T, 0, len(list)+1)
	out = append(append(out, list[:at]...), item)
	if found {
		at++
	}
	return append(out, list[at:]...)
}

// without returns a copy of a slice that lacks the items for which gone holds; the slice itself when it has none.
func without[T any](list []T, gone func(T) bool) []T {
	if !slices.ContainsFunc(list, gone) {
		return list
	}
	out := make([]T, 0, len(list))
	for _, item := range list {
		if !gone(item) {
			out = append(out, item)
		}
	}
	return out
}

// older orders objects as Istio resolves conflicts: by creation time, then by name, then by namespace.
func older(a, b *config.Object) int {
	return cmp.Or(a.Meta.Created.Compare(b.Meta.Created), strings.Compare(a.Key.Name, b.Key.Name),
		strings.Compare(a.Key.Namespace, b.Key.Namespace), a.Key.Compare(b.Key))
}

// sortedKeys returns the keys of a set in order, so that the same change is always worked off in the same order.
func sortedKeys(set map[config.Key]bool) []config.Key {
	out := make([]config.Key, 0, len(set))
	for k := range set {
		out = append(out, k)
	}
	slices.SortFunc(out, config.Key.Compare)
	return out
}
