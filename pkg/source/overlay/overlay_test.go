package overlay_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/source/memory"
	"github.com/meshctl/meshctl/pkg/source/overlay"
	"github.com/meshctl/meshctl/pkg/source/sourcetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func service(t *testing.T, name string, port int) *config.Object {
	t.Helper()
	objects, problems := config.Decode("f", strings.NewReader(sourcetest.Service(name, port)))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return objects[0]
}

func TestConformance(t *testing.T) {
	sourcetest.Run(t, func(*testing.T) sourcetest.Fixture {
		layers := []*memory.Source{memory.New(), memory.New()}
		parsed := map[string]config.Result{}
		layerOf := func(name string) int { return len(name) % 2 } // each name has its layer
		update := func(layer int) {
			b := config.Batch{Full: true}
			for name, r := range parsed {
				if layerOf(name) == layer {
					b.Upserts = append(b.Upserts, r.Objects...)
					b.Problems = append(b.Problems, r.Problems...)
				}
			}
			layers[layer].Update(b)
		}
		return sourcetest.Fixture{
			Source: overlay.New(layers[0], layers[1]),
			Put: func(name, yaml string) {
				next := config.Decoder{}.DecodeBytes(name, []byte(yaml))
				for i, o := range next.Objects {
					for _, old := range parsed[name].Objects {
						if old.SameText(o) {
							next.Objects[i] = old
						}
					}
				}
				parsed[name] = next
				update(layerOf(name))
			},
			Remove: func(name string) {
				delete(parsed, name)
				update(layerOf(name))
			},
		}
	})
}

func TestALaterLayerHidesAndShowsAgain(t *testing.T) {
	below, above := service(t, "a", 1), service(t, "a", 2)
	low, high := memory.New(below), memory.New()
	r := sourcetest.Record(t, overlay.New(low, high))
	if b := r.Next(); r.Set.Get(below.Key) != below || !b.Full {
		t.Fatalf("got %v", b)
	}
	high.Update(config.Batch{Upserts: []*config.Object{above}, Problems: []config.Problem{{Message: "high"}}})
	if b := r.Next(); len(b.Upserts) != 1 || b.Upserts[0] != above {
		t.Errorf("hiding: %v", b)
	}
	hidden := service(t, "a", 3)
	low.Update(config.Batch{Upserts: []*config.Object{hidden}, Problems: []config.Problem{{Message: "low"}}})
	if b := r.Next(); len(b.Upserts)+len(b.Deletes) != 0 || len(b.Problems) != 2 || b.Problems[0].Message != "low" {
		t.Errorf("a change below: %v", b)
	}
	high.Update(config.Batch{Full: true})
	if b := r.Next(); len(b.Upserts) != 1 || b.Upserts[0] != hidden || len(b.Problems) != 1 {
		t.Errorf("showing again: %v", b)
	}
	low.Update(config.Batch{Deletes: []config.Key{below.Key}})
	if b := r.Next(); len(b.Deletes) != 1 || len(b.Problems) != 0 {
		t.Errorf("the end: %v", b)
	}
}

// late says nothing until it is let go, or fails.
type late struct {
	letGo chan error
}

func (l late) Run(ctx context.Context, emit func(config.Batch)) error {
	select {
	case err := <-l.letGo:
		if err != nil {
			return err
		}
	case <-ctx.Done():
		return nil
	}
	emit(config.Batch{Full: true})
	<-ctx.Done()
	return nil
}

func TestWaitsForEveryLayer(t *testing.T) {
	early, slow := memory.New(), late{make(chan error)}
	r := sourcetest.Record(t, overlay.New(early, slow))
	early.Update(config.Batch{Upserts: []*config.Object{service(t, "a", 1)}})
	slow.letGo <- nil
	r.Until("a is there", func() bool { return r.Set.Len(config.Service) == 1 })
}

func TestFailsWithALayer(t *testing.T) {
	broken := late{make(chan error, 1)}
	broken.letGo <- errors.New("no such directory")
	err := overlay.New(memory.New(), broken).Run(t.Context(), func(config.Batch) { t.Error("emitted") })
	if err == nil || !strings.Contains(err.Error(), "layer 2: no such directory") {
		t.Errorf("got %v", err)
	}
	if err := overlay.New().Run(cancelled(t), func(config.Batch) {}); err != nil {
		t.Errorf("no layers: %v", err)
	}
}

func cancelled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
