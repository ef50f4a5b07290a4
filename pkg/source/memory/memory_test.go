package memory_test

import (
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/source/memory"
	"github.com/meshctl/meshctl/pkg/source/sourcetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// inputs keeps a memory source in step with named texts.
type inputs struct {
	t      *testing.T
	source *memory.Source
	parsed map[string]config.Result
}

func (in *inputs) update() {
	b := config.Batch{Full: true}
	for _, r := range in.parsed {
		b.Upserts = append(b.Upserts, r.Objects...)
		b.Problems = append(b.Problems, r.Problems...)
	}
	in.source.Update(b)
}

func fixture(t *testing.T) sourcetest.Fixture {
	in := &inputs{t: t, source: memory.New(), parsed: map[string]config.Result{}}
	return sourcetest.Fixture{
		Source: in.source,
		Put: func(name, yaml string) {
			if len(in.parsed[name].Objects) > 0 {
				keep := map[config.Key]*config.Object{}
				for _, o := range in.parsed[name].Objects {
					keep[o.Key] = o
				}
				next := config.Decoder{}.DecodeBytes(name, []byte(yaml))
				for i, o := range next.Objects {
					if old := keep[o.Key]; old != nil && old.SameText(o) {
						next.Objects[i] = old
					}
				}
				in.parsed[name] = next
			} else {
				in.parsed[name] = config.Decoder{}.DecodeBytes(name, []byte(yaml))
			}
			in.update()
		},
		Remove: func(name string) {
			delete(in.parsed, name)
			in.update()
		},
	}
}

func TestConformance(t *testing.T) { sourcetest.Run(t, fixture) }

func TestSeveralRunsSeeTheSame(t *testing.T) {
	objects, _ := config.Decode("f", strings.NewReader(sourcetest.Service("a", 1)+"---\n"+sourcetest.Service("b", 1)))
	s := memory.New(objects[0])
	first, second := sourcetest.Record(t, s), sourcetest.Record(t, s)
	first.Next()
	second.Next()
	s.Update(config.Batch{Upserts: objects[1:], Deletes: []config.Key{objects[0].Key, {Name: "never there"}}})
	for _, r := range []*sourcetest.Recorder{first, second} {
		if b := r.Next(); len(b.Upserts) != 1 || len(b.Deletes) != 1 {
			t.Errorf("got %v", b)
		}
	}
	if got := s.Objects(); len(got) != 1 || got[0] != objects[1] {
		t.Errorf("the source holds %v", got)
	}
}
