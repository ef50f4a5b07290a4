package registry

import (
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// deadline is for what should come at once; only a failing test reaches it.
const deadline = 20 * time.Second

// eventually polls until ok, for conditions without an event of their own.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	late := time.After(deadline)
	for !ok() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("still not so: %s", what)
		}
	}
}

// fakeClock is moved by hand; timers fire in add.
type fakeClock struct {
	mu     sync.Mutex
	t      time.Time
	timers map[*fakeTimer]bool
}

type fakeTimer struct {
	at time.Time
	f  func()
}

func newClock() *fakeClock {
	return &fakeClock{t: time.Now(), timers: map[*fakeTimer]bool{}}
}

func (c *fakeClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *fakeClock) AfterFunc(d time.Duration, f func()) func() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	timer := &fakeTimer{at: c.t.Add(d), f: f}
	c.timers[timer] = true
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		pending := c.timers[timer]
		delete(c.timers, timer)
		return pending
	}
}

// pending returns how many timers wait for exactly d from now.
func (c *fakeClock) pending(d time.Duration) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for timer := range c.timers {
		if timer.at.Equal(c.t.Add(d)) {
			n++
		}
	}
	return n
}

func (c *fakeClock) add(d time.Duration) {
	c.mu.Lock()
	c.t = c.t.Add(d)
	var due []*fakeTimer
	for timer := range c.timers {
		if !timer.at.After(c.t) {
			due = append(due, timer)
			delete(c.timers, timer)
		}
	}
	c.mu.Unlock()
	slices.SortFunc(due, func(a, b *fakeTimer) int { return a.at.Compare(b.at) })
	for _, timer := range due {
		timer.f()
	}
}

// recorder is an Emitter that keeps what it was given.
type recorder struct {
	mu       sync.Mutex
	set      map[config.Key]*config.Object
	batches  int
	deletes  int
	onUpdate func()
}

func newRecorder() *recorder { return &recorder{set: map[config.Key]*config.Object{}} }

func (r *recorder) Update(b config.Batch) {
	r.mu.Lock()
	r.batches++
	r.deletes += len(b.Deletes)
	for _, o := range b.Upserts {
		r.set[o.Key] = o
	}
	for _, k := range b.Deletes {
		delete(r.set, k)
	}
	r.mu.Unlock()
	if r.onUpdate != nil {
		r.onUpdate()
	}
}

func (r *recorder) entry(name string) *config.Object {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.set[config.Key{Kind: config.WorkloadEntry, Namespace: "default", Name: name}]
}

func (r *recorder) counts() (objects, batches, deletes int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.set), r.batches, r.deletes
}

// wait returns the entry once it satisfies ok.
func (r *recorder) wait(t *testing.T, name, what string, ok func(*config.Object) bool) *config.Object {
	t.Helper()
	eventually(t, "WorkloadEntry "+name+" "+what, func() bool {
		o := r.entry(name)
		return o != nil && ok(o)
	})
	return r.entry(name)
}

func spec(o *config.Object) *networking.WorkloadEntry { return o.Spec.(*networking.WorkloadEntry) }

func bound(name string, port uint32) func(*config.Object) bool {
	return func(o *config.Object) bool { return spec(o).GetPorts()[name] == port }
}

// memoryState is a State.
type memoryState struct {
	mu    sync.Mutex
	data  []byte
	saves int
	err   error
}

func (s *memoryState) Save(data []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	s.data, s.saves = data, s.saves+1
	return nil
}

func (s *memoryState) Load() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.data, s.err
}

func (s *memoryState) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}
