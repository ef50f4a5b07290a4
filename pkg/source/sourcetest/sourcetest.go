// Package sourcetest is the conformance suite that every source passes: what package source promises, as tests.
package sourcetest

import (
	"cmp"
	"fmt"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/source"
)

// Fixture is a source under test, empty at first, with the means to change its input.
type Fixture struct {
	Source source.Source
	// Put makes YAML the input under a name (a file, a table), in place of what was there.
	Put func(name, yaml string)
	// Remove takes the input of a name away.
	Remove func(name string)
	// Bad and Worse are inputs with one problem each, where the source cannot have what the suite would give it: a Service with an
	// unknown field, and an object of an unknown version.
	Bad, Worse string
}

// Run tests the sources that fixture makes.
func Run(t *testing.T, fixture func(t *testing.T) Fixture) {
	for _, c := range []struct {
		name string
		test func(*testing.T, Fixture)
	}{
		{"an empty source emits an empty full batch", emptyFirst},
		{"the first batch has everything", fullFirst},
		{"changes come as increments", increments},
		{"deleted objects are deleted", deletes},
		{"an object may move", moves},
		{"each batch has all problems", problems},
		{"an unchanged input says nothing", unchanged},
		{"a slow consumer gets the last state", slowConsumer},
		{"a second run starts full", secondRun},
		{"nothing comes after the end", silentAfterwards},
	} {
		t.Run(c.name, func(t *testing.T) {
			ignore := goleak.IgnoreCurrent()
			t.Cleanup(func() { goleak.VerifyNone(t, ignore) })
			c.test(t, fixture(t))
		})
	}
}

// Service is the YAML of a Service with one port; Key is its key.
func Service(name string, port int) string {
	return fmt.Sprintf("apiVersion: v1\nkind: Service\nmetadata: {name: %s}\nspec: {ports: [{port: %d}]}\n", name, port)
}

// Key is the key of what Service describes.
func Key(name string) config.Key {
	return config.Key{Kind: config.Service, Namespace: "default", Name: name}
}

func documents(docs ...string) string { return strings.Join(docs, "---\n") }

func emptyFirst(t *testing.T, f Fixture) {
	b := Record(t, f.Source).Next()
	if !b.Full || len(b.Upserts)+len(b.Deletes)+len(b.Problems) != 0 {
		t.Errorf("got %v", b)
	}
}

func fullFirst(t *testing.T, f Fixture) {
	f.Put("one.yaml", documents(Service("a", 1), Service("b", 2)))
	f.Put("two.yaml", Service("c", 3))
	r := Record(t, f.Source)
	if b := r.Next(); len(b.Upserts) != 3 || len(b.Deletes) != 0 {
		t.Errorf("got %v", b)
	}
}

func increments(t *testing.T, f Fixture) {
	f.Put("one.yaml", documents(Service("a", 1), Service("b", 2)))
	r := Record(t, f.Source)
	r.Next()
	f.Put("two.yaml", Service("c", 3))
	r.Until("c is there", func() bool { return r.Set.Get(Key("c")) != nil })
	if b := r.Last; b.Full || len(b.Upserts) != 1 || len(b.Deletes) != 0 {
		t.Errorf("an addition came as %v", b)
	}
	before := r.Set.Get(Key("b")).Digest
	f.Put("one.yaml", documents(Service("a", 1), Service("b", 4)))
	r.Until("b is changed", func() bool { return r.Set.Get(Key("b")).Digest != before })
	if b := r.Last; b.Full || len(b.Upserts) != 1 || b.Upserts[0].Key != Key("b") {
		t.Errorf("a change came as %v", b)
	}
}

func deletes(t *testing.T, f Fixture) {
	f.Put("one.yaml", documents(Service("a", 1), Service("b", 2)))
	f.Put("two.yaml", Service("c", 3))
	r := Record(t, f.Source)
	r.Next()
	f.Put("one.yaml", Service("a", 1))
	r.Until("b is gone", func() bool { return r.Set.Get(Key("b")) == nil })
	f.Remove("two.yaml")
	r.Until("c is gone", func() bool { return r.Set.Get(Key("c")) == nil })
	if b := r.Last; b.Full || len(b.Upserts) != 0 || len(b.Deletes) != 1 {
		t.Errorf("a deletion came as %v", b)
	}
	if r.Set.Get(Key("a")) == nil {
		t.Error("a is gone too")
	}
}

func moves(t *testing.T, f Fixture) {
	f.Put("one.yaml", Service("a", 1))
	r := Record(t, f.Source)
	r.Next()
	f.Put("two.yaml", Service("a", 2))
	f.Remove("one.yaml")
	f.Put("three.yaml", Service("end", 1))
	r.Until("the move is done", func() bool { return r.Set.Get(Key("end")) != nil && len(r.Problems) == 0 })
	if o := r.Set.Get(Key("a")); o == nil || !strings.Contains(r.portOf("a"), "2") {
		t.Errorf("after the move a is %v", o)
	}
}

func (r *Recorder) portOf(name string) string {
	o := r.Set.Get(Key(name))
	if o == nil {
		return ""
	}
	data, err := o.MarshalJSON()
	if err != nil {
		r.t.Fatal(err)
	}
	_, port, _ := strings.Cut(string(data), `"port":`)
	port, _, _ = strings.Cut(port, ",")
	return port
}

func problems(t *testing.T, f Fixture) {
	bad := cmp.Or(f.Bad, "apiVersion: v1\nkind: Service\nmetadata: {name: bad}\nspec: {prots: []}\n")
	worse := cmp.Or(f.Worse, "apiVersion: networking.istio.io/v9\nkind: Gateway\nmetadata: {name: g}\n")
	f.Put("bad.yaml", bad)
	f.Put("good.yaml", Service("a", 1))
	r := Record(t, f.Source)
	if r.Next(); len(r.Problems) != 1 || r.Set.Get(Key("a")) == nil {
		t.Fatalf("got %v and %v", r.Set.Keys(), r.Problems)
	}
	f.Put("good.yaml", Service("b", 1))
	r.Until("b is there", func() bool { return r.Set.Get(Key("b")) != nil })
	if len(r.Problems) != 1 {
		t.Errorf("after another change there are %v", r.Problems)
	}
	f.Put("worse.yaml", worse)
	r.Until("there are two problems", func() bool { return len(r.Problems) == 2 })
	f.Put("bad.yaml", Service("bad", 1))
	f.Remove("worse.yaml")
	r.Until("there are none", func() bool { return len(r.Problems) == 0 && r.Set.Get(Key("bad")) != nil })
}

func unchanged(t *testing.T, f Fixture) {
	f.Put("one.yaml", Service("a", 1))
	r := Record(t, f.Source)
	r.Next()
	f.Put("one.yaml", Service("a", 1))
	f.Put("two.yaml", Service("b", 1))
	r.Until("b is there", func() bool { return r.Set.Get(Key("b")) != nil })
	for _, o := range r.Last.Upserts {
		if o.Key == Key("a") {
			t.Error("an unchanged object came again")
		}
	}
}

func slowConsumer(t *testing.T, f Fixture) {
	f.Put("one.yaml", Service("a", 1))
	r := Record(t, f.Source)
	r.Next()
	release := r.Hold()
	for port := 2; port <= 50; port++ {
		f.Put("one.yaml", Service("a", port))
	}
	f.Put("two.yaml", Service("b", 1))
	f.Remove("two.yaml")
	f.Put("three.yaml", Service("c", 1))
	release()
	r.Until("the last state is there", func() bool {
		return r.portOf("a") == "50" && r.Set.Get(Key("b")) == nil && r.Set.Get(Key("c")) != nil
	})
}

func secondRun(t *testing.T, f Fixture) {
	f.Put("one.yaml", Service("a", 1))
	first := Record(t, f.Source)
	first.Next()
	first.Stop()
	f.Put("two.yaml", Service("b", 1))
	second := Record(t, f.Source)
	if b := second.Next(); !b.Full || len(b.Upserts) != 2 {
		t.Errorf("got %v", b)
	}
}

func silentAfterwards(t *testing.T, f Fixture) {
	r := Record(t, f.Source)
	r.Next()
	r.Stop()
	f.Put("one.yaml", Service("a", 1))
	select {
	case b := <-r.batches:
		t.Errorf("after the end came %v", b)
	default:
	}
}
