package traffichub

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/meshctl/meshctl/internal/adminapi"
	"github.com/meshctl/meshctl/internal/agentapi"
	"github.com/meshctl/meshctl/internal/ca"
	"github.com/meshctl/meshctl/internal/registry"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/pkg/traffic"
	"github.com/meshctl/meshctl/pkg/traffic/sample"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// agents are fake ones that a hub asks.
type agents struct {
	hub *Hub

	mu       sync.Mutex
	sessions []registry.Session
	asked    map[string]int
	gone     map[string]bool          // cannot be asked
	delay    map[string]time.Duration // until they answer
}

const never = time.Duration(-1)

func session(name, namespace string) registry.Session {
	return registry.Session{
		Connected: true, Since: time.Now(), Identity: ca.Identity{TrustDomain: "cluster.local", Namespace: namespace, ServiceAccount: name},
		Proxy: registry.Proxy{NodeID: name + "." + namespace, Namespace: namespace, Name: name, ServiceAccount: name},
	}
}

func snapshotOf(t *testing.T, objects string) *mesh.Snapshot {
	t.Helper()
	list, problems := config.Decode("mesh.yaml", strings.NewReader(objects))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return mesh.Build(config.Set{}.With(config.Batch{Full: true, Upserts: list}), mesh.Options{})
}

// newHub makes one of a mesh with the agents of client and web, both in default.
func newHub(t *testing.T) (*Hub, *agents) {
	t.Helper()
	snapshot := snapshotOf(t, "")
	a := &agents{
		asked: map[string]int{}, gone: map[string]bool{}, delay: map[string]time.Duration{},
		sessions: []registry.Session{session("client", "default"), session("web", "default")},
	}
	a.hub = New(Options{
		Snapshot: func() *mesh.Snapshot { return snapshot }, Proxies: func() []adminapi.Proxy { return nil },
		Problems: func() []config.Problem { return nil }, Sample: a.ask,
		Sessions: func() []registry.Session {
			a.mu.Lock()
			defer a.mu.Unlock()
			return a.sessions
		},
	})
	t.Cleanup(a.hub.Close)
	return a.hub, a
}

func (a *agents) ask(nodeID string, q *agentapi.Sample) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked[nodeID]++
	delay := a.delay[nodeID]
	if a.gone[nodeID] {
		return false
	}
	if delay != never {
		time.AfterFunc(delay, func() { a.hub.Sampled(nodeID, answer(q.GetId(), sample.Sample{Epoch: nodeID, Time: time.Now()})) })
	}
	return true
}

func answer(id uint64, s sample.Sample) *agentapi.Sampled {
	data, _ := json.Marshal(s)
	return &agentapi.Sampled{Id: id, SampleJson: data}
}

func (a *agents) set(change func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change()
}

func (a *agents) count(nodeID string) (n int) {
	a.set(func() { n = a.asked[nodeID] })
	return n
}

// look returns who answered, who did not, and how long that took.
func look(t *testing.T, h *Hub, namespace string) (answered, silent string, took time.Duration) {
	t.Helper()
	begin := time.Now()
	r, err := h.Report(t.Context(), namespace)
	if err != nil {
		t.Fatal(err)
	}
	return proxies(r), silentOnes(r), time.Since(begin)
}

func proxies(r traffic.Report) string {
	var ids []string
	for _, p := range r.Proxies {
		ids = append(ids, p.ID)
	}
	return strings.Join(ids, " ")
}

func silentOnes(r traffic.Report) string {
	var ids []string
	for _, s := range r.Silent {
		ids = append(ids, s.Proxy+": "+s.Reason)
	}
	return strings.Join(ids, ", ")
}

// remembered counts what a hub keeps.
func remembered(h *Hub) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := len(h.proxies) + len(h.scopes)
	if h.known != nil {
		n++
	}
	return n
}

// TestNobodyLookingCostsNothing: no agent is asked before and after somebody has looked, and what was heard is forgotten.
func TestNobodyLookingCostsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, a := newHub(t)
		time.Sleep(time.Hour)
		if n := a.count("client.default"); n != 0 {
			t.Errorf("asked %d times, and nobody looks", n)
		}
		if answered, silent, _ := look(t, h, "default"); answered != "client.default web.default" || silent != "" {
			t.Errorf("%q answered, silent: %q", answered, silent)
		}
		h.rest() // a timer that fires while somebody looks
		if n := remembered(h); n != 4 {
			t.Errorf("remembers %d things while somebody looks, want 2 proxies, a namespace and the mesh", n)
		}
		time.Sleep(time.Hour)
		if n := a.count("client.default"); n != 1 || remembered(h) != 0 {
			t.Errorf("asked %d times; remembers %d things", n, remembered(h))
		}
	})
}

// TestViewersShare: however many look at a time, each agent is asked once.
func TestViewersShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, a := newHub(t)
		a.set(func() { a.delay["web.default"] = 100 * time.Millisecond })
		var viewers sync.WaitGroup
		for range 10 {
			viewers.Go(func() {
				for range 3 {
					if answered, _, _ := look(t, h, ""); answered != "client.default web.default" {
						t.Errorf("%q answered", answered)
					}
					time.Sleep(time.Second)
				}
			})
		}
		viewers.Wait()
		if client, web := a.count("client.default"), a.count("web.default"); client != 3 || web != 3 {
			t.Errorf("asked %d and %d times, want 3 each", client, web)
		}
	})
}

// TestTheSlowDoNotHoldOthersUp: who does not answer in time is waited for once, and heard whenever it answers after all.
func TestTheSlowDoNotHoldOthersUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, a := newHub(t)
		a.set(func() { a.delay["web.default"] = 2500 * time.Millisecond })
		answered, silent, took := look(t, h, "")
		if answered != "client.default" || !strings.HasPrefix(silent, "web.default: its agent () did not answer in time") || took != patience {
			t.Errorf("%q after %s, silent: %q", answered, took, silent)
		}
		heard := 0
		for range 20 {
			time.Sleep(time.Second)
			answered, _, took := look(t, h, "")
			if took != 0 {
				t.Errorf("waited %s for one that is known to be slow", took)
			}
			if answered == "client.default web.default" {
				heard++
			}
		}
		if heard < 10 {
			t.Errorf("heard %d of 20 times", heard)
		}
		a.set(func() { a.delay["web.default"] = 10 * time.Millisecond })
		time.Sleep(5 * time.Second)
		look(t, h, "") // asks
		time.Sleep(time.Second)
		if answered, _, took := look(t, h, ""); answered != "client.default web.default" || took != 10*time.Millisecond {
			t.Errorf("%q after %s; it answers in time again", answered, took)
		}
	})
}

func TestTheDeadDoNotHoldOthersUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, a := newHub(t)
		a.set(func() { a.delay["web.default"] = never })
		look(t, h, "")
		for range 5 {
			time.Sleep(time.Second)
			if answered, silent, took := look(t, h, ""); answered != "client.default" || silent == "" || took != 0 {
				t.Errorf("%q after %s, silent: %q", answered, took, silent)
			}
		}
	})
}

// TestWhoCannotBeAskedIsNotWaitedFor: an agent that goes between the list of sessions and the question, and comes back before the next look.
func TestWhoCannotBeAskedIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, a := newHub(t)
		a.set(func() { a.gone["web.default"] = true })
		if answered, _, took := look(t, h, ""); answered != "client.default" || took != 0 {
			t.Errorf("%q after %s", answered, took)
		}
		a.set(func() { delete(a.gone, "web.default") })
		time.Sleep(time.Second)
		if answered, _, took := look(t, h, ""); answered != "client.default web.default" || took != 0 {
			t.Errorf("%q after %s, back again", answered, took)
		}
		// One that connects anew knows nothing of a question to the stream before.
		a.set(func() { a.delay["web.default"] = never })
		time.Sleep(time.Second)
		pending := make(chan struct{})
		go func() {
			defer close(pending)
			look(t, h, "")
		}()
		synctest.Wait()
		time.Sleep(100 * time.Millisecond)
		a.set(func() {
			delete(a.delay, "web.default")
			a.sessions = []registry.Session{a.sessions[0], session("web", "default")}
		})
		if answered, _, took := look(t, h, ""); answered != "client.default web.default" || took != 0 {
			t.Errorf("%q after %s, connected anew", answered, took)
		}
		<-pending
	})
}

// TestOneGoesWhileAnotherComes: the number of proxies stays, what is known of them does not.
func TestOneGoesWhileAnotherComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, a := newHub(t)
		nodes := func() (ids []string) {
			r, err := h.Report(t.Context(), "")
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range r.Nodes {
				ids = append(ids, n.ID)
			}
			return ids
		}
		nodes()
		known := h.known
		if nodes(); h.known != known {
			t.Error("what is known was found out twice, and nothing has changed")
		}
		a.set(func() { a.sessions = []registry.Session{a.sessions[0], session("db", "default")} })
		if got := strings.Join(nodes(), " "); got != "workload/default/client workload/default/db" {
			t.Errorf("nodes are %s", got)
		}
		if _, kept := h.proxies["web.default"]; kept {
			t.Error("what a proxy said that has gone is still kept")
		}
		time.Sleep(time.Second)
		moved := session("db", "default") // registered anew, as something else
		moved.Proxy.Group = "store"
		a.set(func() { a.sessions = []registry.Session{a.sessions[0], moved} })
		if got := strings.Join(nodes(), " "); got != "workload/default/client workload/default/store" {
			t.Errorf("nodes are %s", got)
		}
	})
}

// TestScopesEndWithTheirViewers: whatever namespaces are asked for, only those of now are remembered.
func TestScopesEndWithTheirViewers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _ := newHub(t)
		for range 1000 {
			look(t, h, time.Now().String())
			time.Sleep(time.Second)
		}
		if n := len(h.scopes); n > 61 {
			t.Errorf("%d namespaces are remembered", n)
		}
	})
}

// TestAgentsAreNotBelieved: whatever an agent answers, and whether it was asked or not.
func TestAgentsAreNotBelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, a := newHub(t)
		a.set(func() { a.delay["web.default"] = never })
		done := make(chan traffic.Report)
		go func() {
			r, _ := h.Report(t.Context(), "")
			done <- r
		}()
		synctest.Wait()
		id := h.proxies["web.default"].question
		h.Sampled("web.default", answer(id-1, sample.Sample{}))
		h.Sampled("web.default", answer(0, sample.Sample{}))
		h.Sampled("nobody", answer(id, sample.Sample{}))
		lie := sample.Sample{Clusters: []sample.Cluster{
			{Name: "negative", Latency: sample.Histogram{{Lower: -1, Count: 1}}},
			{Name: "huge", Latency: sample.Histogram{{Lower: 1e308, Width: 1e308, Count: 1}}},
			{Name: "unordered", Latency: sample.Histogram{{Lower: 2, Count: 1}, {Lower: 1, Count: 1}}},
			{Name: "good", Latency: sample.Histogram{{Lower: 2, Width: 1, Count: 1}}},
		}}
		h.Sampled("web.default", answer(id, lie))
		r := <-done
		if proxies(r) != "client.default web.default" {
			t.Fatalf("%q answered", proxies(r))
		}
		for _, c := range r.Proxies[1].Sample.Clusters {
			if (len(c.Latency) > 0) != (c.Name == "good") {
				t.Errorf("%+v", c)
			}
		}
		time.Sleep(time.Second)
		for _, m := range []*agentapi.Sampled{{}, {SampleJson: []byte("[")}, {SampleJson: []byte(`{"hosts": 1}`)}, {Problem: "\xff" + strings.Repeat("é", 1000)}} {
			go func() {
				r, _ := h.Report(t.Context(), "")
				done <- r
			}()
			synctest.Wait()
			m.Id = h.proxies["web.default"].question
			h.Sampled("web.default", m)
			if r := <-done; len(r.Silent) != 1 || len(r.Silent[0].Reason) > 510 || strings.ContainsRune(r.Silent[0].Reason, '�') {
				t.Errorf("%+v", r.Silent)
			}
			time.Sleep(time.Second)
		}
	})
}

// TestAViewerThatLeaves is not kept waiting, and others get the answer that it did not wait for.
func TestAViewerThatLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, a := newHub(t)
		a.set(func() { a.delay["web.default"] = time.Second })
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		begin := time.Now()
		if _, err := h.Report(ctx, ""); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != 10*time.Millisecond {
			t.Errorf("%v after %s", err, time.Since(begin))
		}
		if answered, _, took := look(t, h, ""); answered != "client.default web.default" || took != 990*time.Millisecond {
			t.Errorf("%q after %s", answered, took)
		}
	})
}

// TestManyAtOnce is for the race detector: viewers, answers and agents that come and go.
func TestManyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, a := newHub(t)
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				for range 20 {
					look(t, h, []string{"", "default", "other"}[i%3])
					time.Sleep(300 * time.Millisecond)
				}
			})
		}
		all.Go(func() {
			for i := range 20 {
				a.set(func() {
					a.sessions = []registry.Session{a.sessions[0], session([]string{"web", "db"}[i%2], "default")}
					a.delay["db.default"] = time.Duration(i%4-1) * time.Second
				})
				h.Sampled("web.default", answer(1, sample.Sample{}))
				time.Sleep(310 * time.Millisecond)
			}
		})
		all.Wait()
		h.Close()
		look(t, h, "")
	})
}

func TestFindingsAreOfWhomTheyConcern(t *testing.T) {
	s := snapshotOf(t, `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {selector: {app: web}, ports: [{name: http, port: 80}]}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: web-1, namespace: default}
spec: {address: 10.0.0.1, labels: {app: web}}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: other, namespace: default}
spec: {address: 10.0.0.2, labels: {app: other}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: default}
spec: {host: web}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: api, namespace: default}
spec: {hosts: [api.example.com], http: [{route: [{destination: {host: web}}]}]}
`)
	k := newKnown(s, nil)
	key := func(kind config.Kind, name string) config.Key {
		return config.Key{Kind: kind, Namespace: "default", Name: name}
	}
	problems := []config.Problem{
		{Object: key(config.DestinationRule, "web"), Severity: config.Warning, Code: "D"}, {Object: key(config.VirtualService, "api"), Code: "V", Severity: config.Error},
		{Object: key(config.Service, "web"), Severity: config.Warning, Code: "A"}, {Object: key(config.WorkloadEntry, "web-1"), Severity: config.Error, Code: "W"},
		{Object: key(config.VirtualService, "other"), Severity: config.Error, Code: "X"},
	}
	for _, n := range k.nodes(nil, problems) {
		var codes []string
		for _, f := range n.Findings {
			codes = append(codes, f.Code)
		}
		if got, want := strings.Join(codes, " "), map[string]string{"workload/default/web-1": "V W A D"}[n.ID]; got != want || n.Kind != topology.Workload {
			t.Errorf("%s: %q, want %q", n.ID, got, want)
		}
	}
}
