package table

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"
)

// Any chain of edits gives what a plain map gives, and never changes a map made before.
func TestEditsActLikeAMap(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	type version struct {
		table Map[string, int]
		want  map[string]int
	}
	history := []version{{}}
	for range 400 {
		base := history[r.IntN(len(history))]
		e, want := base.table.Edit(), maps.Clone(base.want)
		if want == nil {
			want = map[string]int{}
		}
		for range r.IntN(30) {
			key := fmt.Sprint(r.IntN(600))
			if r.IntN(3) == 0 {
				e.Delete(key)
				delete(want, key)
			} else {
				value := r.Int()
				e.Set(key, value)
				want[key] = value
			}
			if got, ok := e.Get(key); got != want[key] || ok != has(want, key) {
				t.Fatalf("while editing: %s is %d, %v", key, got, ok)
			}
		}
		history = append(history, version{e.Map(), want})
	}
	for i, v := range history {
		got := maps.Collect(v.table.All())
		if !maps.Equal(got, v.want) || v.table.Len() != len(v.want) {
			t.Fatalf("version %d: %d entries (Len %d), want %d", i, len(got), v.table.Len(), len(v.want))
		}
		for key, want := range v.want {
			if got, ok := v.table.Get(key); !ok || got != want {
				t.Fatalf("version %d: %s is %d, %v", i, key, got, ok)
			}
		}
	}
}

func has(m map[string]int, key string) bool {
	_, ok := m[key]
	return ok
}

func TestZeroValueIsEmpty(t *testing.T) {
	var m Map[string, int]
	if _, ok := m.Get("a"); ok || m.Len() != 0 {
		t.Error("not empty")
	}
	for range m.All() {
		t.Error("an entry")
	}
	e := m.Edit()
	e.Delete("a")
	if m := e.Map(); m.Len() != 0 {
		t.Error("deleting made something")
	}
}

func TestAllStopsEarly(t *testing.T) {
	e := Map[int, int]{}.Edit()
	for i := range 100 {
		e.Set(i, i)
	}
	seen := 0
	for range e.Map().All() {
		if seen++; seen == 3 {
			break
		}
	}
	if seen != 3 {
		t.Errorf("saw %d", seen)
	}
}

func TestReadersDoNotMeetAnEditor(t *testing.T) {
	e := Map[int, int]{}.Edit()
	for i := range 1000 {
		e.Set(i, i)
	}
	m := e.Map()
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for i := range 1000 {
				if got, ok := m.Get(i); !ok || got != i {
					t.Errorf("%d is %d", i, got)
				}
			}
		})
	}
	edit := m.Edit()
	for i := range 1000 {
		edit.Set(i, -i)
	}
	wait.Wait()
}

func BenchmarkEditOneOf100000(b *testing.B) {
	e := Map[int, int]{}.Edit()
	for i := range 100_000 {
		e.Set(i, i)
	}
	m := e.Map()
	b.ReportAllocs()
	for b.Loop() {
		e := m.Edit()
		e.Set(7, 8)
		e.Map()
	}
}
