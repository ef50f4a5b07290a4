package registry

import (
	"errors"
	"testing"
	"time"

	"github.com/meshctl/meshctl/internal/agentapi"
	"github.com/meshctl/meshctl/pkg/config"
)

func (p *plane) waitAway(t *testing.T) {
	t.Helper()
	eventually(t, "the agent is away", func() bool {
		s := p.registry.Sessions()
		return len(s) == 1 && !s[0].Connected
	})
}

func TestGrace(t *testing.T) {
	p := start(t, nil)
	a := p.up(t, reviews())
	a.hangUp()
	p.waitAway(t)
	p.clock.add(DefaultGrace - time.Second)
	if p.entries.entry("reviews-v1") == nil {
		t.Fatal("removed within the grace period")
	}
	if _, ok := p.registry.Bindings(reviews().GetNodeId()); !ok {
		t.Error("bindings forgotten within the grace period")
	}
	if err := p.registry.Rotate("default", "reviews-v1"); err == nil {
		t.Error("rotated an agent that is away")
	}
	p.clock.add(time.Second)
	if p.entries.entry("reviews-v1") != nil || len(p.registry.Sessions()) != 0 {
		t.Error("still there after the grace period")
	}
}

func TestReturnWithinGrace(t *testing.T) {
	p := start(t, nil)
	p.up(t, reviews()).hangUp()
	p.waitAway(t)
	again := p.connect(t, reviews())
	again.registered()
	p.clock.add(DefaultGrace)
	again.bind(map[string]uint32{"inbound|9080": 41000})
	again.health(false, "x")
	p.entries.wait(t, "reviews-v1", "hears the new stream", func(o *config.Object) bool { return o.Meta.Annotations[AnnotationUnhealthy] != "" })
	if _, _, deletes := p.entries.counts(); deletes != 0 {
		t.Error("the endpoint blinked")
	}
}

func TestNoGrace(t *testing.T) {
	p := start(t, func(o *Options) { o.Grace = NoGrace })
	p.up(t, reviews()).hangUp()
	eventually(t, "the entry is gone", func() bool { return p.entries.entry("reviews-v1") == nil })
}

// The control plane is killed and starts again with the same state: endpoints and bindings are there before any agent,
// those who do not return go after the grace period.
func TestRestart(t *testing.T) {
	state := &memoryState{}
	stateful := func(o *Options) { o.State = state }
	p := start(t, stateful)
	p.up(t, named("stays"))
	p.up(t, named("goes")).health(false, "probe")
	p.entries.wait(t, "goes", "is unhealthy", func(o *config.Object) bool { return o.Meta.Annotations[AnnotationUnhealthy] != "" })
	before := p.entries
	eventually(t, "everything is saved", func() bool { return p.registry.settled() })
	p.kill()
	if objects, _, deletes := before.counts(); objects != 2 || deletes != 0 {
		t.Errorf("the end of the control plane removed workloads: %d left, %d deletes", objects, deletes)
	}

	p.entries, p.clock = newRecorder(), newClock()
	p.run(t, stateful)
	for name, o := range before.set {
		if got := p.entries.set[name]; got == nil || got.Digest != o.Digest {
			t.Errorf("%s is not as before: %+v", name, got)
		}
	}
	if b, ok := p.registry.Bindings(named("goes").GetNodeId()); !ok || b["inbound|9080"] != 41000 {
		t.Errorf("bindings %v, %v", b, ok)
	}
	_, batches, _ := p.entries.counts()
	again := p.connect(t, named("stays"))
	again.registered()
	again.bind(map[string]uint32{"inbound|9080": 41000})
	if err := p.registry.Rotate("default", "stays"); err != nil {
		t.Fatal(err)
	}
	again.receive()
	if _, after, _ := p.entries.counts(); after != batches {
		t.Errorf("%d batches for an agent that is as it was", after-batches)
	}
	p.clock.add(DefaultGrace)
	if p.entries.entry("stays") == nil || p.entries.entry("goes") != nil {
		t.Errorf("after the grace period: %v", p.entries.set)
	}
}

// A control plane that takes long to read its configuration does not drop the agents that wait for it meanwhile.
func TestGraceBeginsWithTheFirstConfiguration(t *testing.T) {
	state := &memoryState{}
	p := start(t, func(o *Options) { o.State = state })
	p.up(t, reviews())
	eventually(t, "everything is saved", func() bool { return p.registry.settled() })
	p.kill()
	ready := make(chan struct{})
	p.entries, p.clock = newRecorder(), newClock()
	p.run(t, func(o *Options) { o.State, o.Ready = state, ready })
	p.clock.add(DefaultGrace)
	p.clock.add(DefaultGrace)
	if p.entries.entry("reviews-v1") == nil {
		t.Fatal("dropped before the first configuration")
	}
	close(ready)
	p.clock.add(DefaultGrace)
	if p.entries.entry("reviews-v1") != nil {
		t.Error("still there after the grace period")
	}
}

// settled reports whether nothing is left to publish or save.
func (r *Registry) settled() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.dirty) == 0 && !r.publishing && !r.unsaved && !r.saving
}

func TestDamagedState(t *testing.T) {
	for _, data := range []string{
		"", "x", "{}", `{"version":99}`, `{"version":1,"workloads":[{}]}`,
		`{"version":1,"workloads":[{"register":{"namespace":"a"}},{"register":7},{"register":{},"group":7}]}`,
	} {
		p := start(t, func(o *Options) { o.State = &memoryState{data: []byte(data)} })
		if len(p.registry.Sessions()) != 0 {
			t.Errorf("workloads from %q", data)
		}
		p.up(t, reviews())
		p.kill()
	}
}

func TestFullDiskStopsNobody(t *testing.T) {
	state := &memoryState{}
	state.fail(errors.New("no space left on device"))
	p := start(t, func(o *Options) { o.State = state })
	a := p.up(t, reviews())
	state.fail(nil)
	a.health(false, "x")
	eventually(t, "the state is saved", func() bool { data, _ := state.Load(); return data != nil })
}

func FuzzState(f *testing.F) {
	f.Add([]byte(`{"version":1,"workloads":[{"register":{"namespace":"default","name":"a","nodeId":"sidecar~1.1.1.1~a.default~default.svc.x","address":"1.1.1.1","serviceAccount":"b"},"bindings":{"inbound|80":1},"bound":true}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := New(Options{State: &memoryState{data: data}, Emitter: newRecorder(), Clock: newClock()})
		for _, s := range r.Sessions() {
			if s.Proxy.Type == agentapi.ProxyType_SIDECAR && s.Proxy.Address == "" || s.Identity.Validate() != nil {
				t.Errorf("restored %+v", s)
			}
		}
		r.Close()
	})
}
