package config

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// Any chain of batches leaves what a plain map would hold, and never changes the sets before.
func TestWithActsLikeAMap(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	kinds := []Kind{Service, VirtualService, Pod}
	var set Set
	want := map[Key]*Object{}
	type version struct {
		set  Set
		want map[Key]*Object
	}
	var history []version
	for range 300 {
		b := Batch{Full: r.IntN(20) == 0}
		if b.Full {
			want = map[Key]*Object{}
		} else {
			want = maps.Clone(want)
		}
		touched := map[Key]bool{}
		for range r.IntN(12) {
			key := Key{kinds[r.IntN(len(kinds))], fmt.Sprint("ns", r.IntN(3)), fmt.Sprint("n", r.IntN(40))}
			if touched[key] {
				continue
			}
			touched[key] = true
			if r.IntN(3) == 0 {
				b.Deletes = append(b.Deletes, key)
				delete(want, key)
			} else {
				o := &Object{Key: key}
				b.Upserts = append(b.Upserts, o)
				want[key] = o
			}
		}
		set = set.With(b)
		history = append(history, version{set, want})
	}
	for i, v := range history {
		if keys := slices.SortedFunc(maps.Keys(v.want), Key.Compare); !slices.Equal(v.set.Keys(), keys) {
			t.Fatalf("set %d has %v, want %v", i, v.set.Keys(), keys)
		}
		total := 0
		for _, kind := range v.set.Kinds() {
			total += v.set.Len(kind)
			if sorted := v.set.Sorted(kind); !slices.IsSortedFunc(sorted, func(a, b *Object) int { return a.Key.Compare(b.Key) }) {
				t.Fatalf("set %d: %v is not sorted", i, sorted)
			}
		}
		for key, o := range v.want {
			if v.set.Get(key) != o {
				t.Fatalf("set %d has another %s", i, key)
			}
		}
		if total != len(v.want) {
			t.Fatalf("set %d has %d objects, want %d", i, total, len(v.want))
		}
	}
	if (Set{}).Get(Key{}) != nil || len((Set{}).Keys()) != 0 {
		t.Error("the zero set is not empty")
	}
}

func TestKeysAndKinds(t *testing.T) {
	for got, want := range map[string]string{
		VirtualService.String(): "VirtualService.networking.istio.io", Service.String(): "Service",
		Key{Service, "a", "b"}.String(): "Service/a/b", Key{Namespace, "", "b"}.String(): "Namespace/b",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
