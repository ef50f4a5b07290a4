package leader_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	admission "k8s.io/api/admissionregistration/v1"
	coordination "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/meshctl/meshctl/internal/kubeobject"
	"github.com/meshctl/meshctl/internal/kubeobject/kubetest"
	"github.com/meshctl/meshctl/internal/leader"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func cluster() *kubetest.Cluster {
	return kubetest.New(coordination.SchemeGroupVersion.WithKind("Lease"), corev1.SchemeGroupVersion.WithKind("Namespace"), corev1.SchemeGroupVersion.WithKind("ConfigMap"),
		admission.SchemeGroupVersion.WithKind("MutatingWebhookConfiguration"), admission.SchemeGroupVersion.WithKind("ValidatingWebhookConfiguration"))
}

// replica takes part in an election, and notes in a shared history when it writes.
type replica struct {
	name   string
	client *kubetest.Cluster // its own way to a cluster
	end    func()
}

type history struct {
	mu     sync.Mutex
	writes []string
	now    string
}

func (h *history) begin(t *testing.T, name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.now != "" {
		t.Errorf("%s writes while %s does", name, h.now)
	}
	h.now, h.writes = name, append(h.writes, name)
}

func (h *history) done() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = ""
}

func (h *history) writing() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

// all are those who have written, in their order.
func (h *history) all() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.writes)
}

func (h *history) start(t *testing.T, c *kubetest.Cluster, name string) *replica {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	w := leader.Writer{Name: "test", Run: func(ctx context.Context) error {
		h.begin(t, name)
		defer h.done()
		<-ctx.Done()
		return nil
	}}
	go func() {
		ended <- leader.Run(ctx, leader.Options{Client: c, Namespace: "s", Lease: "l", Identity: name, Writers: []leader.Writer{w}})
	}()
	r := &replica{name: name, client: c}
	r.end = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return r
}

func TestOneLeadsAndHandsOverAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, h := cluster(), &history{}
		a := h.start(t, c, "a")
		synctest.Wait()
		b := h.start(t, c, "b")
		time.Sleep(time.Minute) // of the test's clock
		if got := h.writing(); got != "a" {
			t.Fatalf("%q writes", got)
		}
		a.end()
		time.Sleep(7 * time.Second) // b asks every 3 to 6 s; without the release it would wait 15 s
		if got := h.writing(); got != "b" {
			t.Errorf("%q writes after the leader has gone", got)
		}
		b.end()
		lease, err := kubeobject.In[coordination.Lease](c, coordination.SchemeGroupVersion, "s").Get(t.Context(), "l")
		if err != nil || *lease.Spec.HolderIdentity != "" || *lease.Spec.LeaseTransitions != 1 {
			t.Errorf("%+v %v", lease, err)
		}
		if !slices.Equal(h.all(), []string{"a", "b"}) {
			t.Error(h.all())
		}
	})
}

func TestALeaderSurvivesAShortSilenceOfTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, h := cluster(), &history{}
		a := h.start(t, c, "a")
		time.Sleep(time.Minute)
		away := func(string, string) error { return errors.New("connection refused") }
		c.Fail(away)
		time.Sleep(5 * time.Second)
		c.Fail(nil)
		time.Sleep(time.Minute)
		if !slices.Equal(h.all(), []string{"a"}) {
			t.Error(h.all())
		}
		// A long one ends its term before anybody else may think that the Lease is free.
		c.Fail(away)
		time.Sleep(12 * time.Second)
		if got := h.writing(); got != "" {
			t.Errorf("%q writes without a lease", got)
		}
		c.Fail(nil)
		time.Sleep(7 * time.Second)
		if got := h.writing(); got != "a" {
			t.Errorf("%q writes again", got)
		}
		a.end()
	})
}

// TestASilentLeaderIsReplaced has one that is gone without a word, and one that is told that somebody else holds its Lease.
func TestASilentLeaderIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, h := cluster(), &history{}
		leases := kubeobject.In[coordination.Lease](c, coordination.SchemeGroupVersion, "s")
		gone, seconds := "gone", int32(15)
		lease := &coordination.Lease{Spec: coordination.LeaseSpec{HolderIdentity: &gone, LeaseDurationSeconds: &seconds}}
		lease.Name, lease.Namespace = "l", "s"
		if _, err := leases.Create(t.Context(), lease); err != nil {
			t.Fatal(err)
		}
		a := h.start(t, c, "a")
		time.Sleep(14 * time.Second)
		if got := h.writing(); got != "" {
			t.Fatalf("%q writes while the lease of another lasts", got)
		}
		time.Sleep(8 * time.Second)
		if got := h.writing(); got != "a" {
			t.Fatalf("%q writes", got)
		}
		lease, err := leases.Get(t.Context(), "l")
		if err != nil {
			t.Fatal(err)
		}
		lease.Spec.HolderIdentity = &gone
		if _, err := leases.Update(t.Context(), lease); err != nil {
			t.Fatal(err)
		}
		time.Sleep(4 * time.Second)
		if got := h.writing(); got != "" {
			t.Errorf("%q writes after another has taken the lease", got)
		}
		a.end()
	})
}

func TestTwoThatAskAtOnceDoNotBothLead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, h := cluster(), &history{}
		var all []*replica
		for _, name := range []string{"a", "b", "c", "d"} {
			all = append(all, h.start(t, c, name))
		}
		for _, r := range all { // whoever leads ends, until none is left
			time.Sleep(10 * time.Second)
			if h.writing() == "" {
				t.Errorf("nobody writes before %s ends", r.name)
			}
			r.end()
		}
	})
}

func TestWritersThatFailBeginAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 9500*time.Millisecond)
		defer cancel()
		tries := 0
		w := leader.Writer{Name: "fails", Run: func(context.Context) error { tries++; return errors.New("no") }}
		var led []bool
		o := leader.Options{Client: cluster(), Namespace: "s", Lease: "l", Identity: "a", Writers: []leader.Writer{w}, Leading: func(b bool) { led = append(led, b) }}
		if err := leader.Run(ctx, o); err != nil {
			t.Fatal(err)
		}
		if tries != 10 || !slices.Equal(led, []bool{true, false}) {
			t.Errorf("%d tries, led %v", tries, led)
		}
		o.Identity = ""
		if err := leader.Run(t.Context(), o); err == nil {
			t.Error("a replica without a name takes part")
		}
	})
}
