package taphub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/meshctl/meshctl/internal/adminapi"
	"github.com/meshctl/meshctl/internal/agentapi"
	"github.com/meshctl/meshctl/internal/ca"
	"github.com/meshctl/meshctl/internal/registry"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/tap"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const objects = `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {selector: {app: web}, ports: [{name: http, port: 80}]}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: web-1, namespace: default, annotations: {istio.io/autoRegistrationGroup: web}}
spec: {address: 10.0.0.1, serviceAccount: web, labels: {app: web, version: v1}}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: bare, namespace: default}
spec: {address: 10.0.0.9, labels: {app: bare}}
`

// agents are what the hub knows and what it tells.
type agents struct {
	mu       sync.Mutex
	sessions []registry.Session
	taps     map[string]*agentapi.Taps
	told     chan struct{}
}

func session(name, account string) registry.Session {
	return registry.Session{
		Connected: true, Identity: ca.Identity{TrustDomain: "cluster.local", Namespace: "default", ServiceAccount: account},
		Proxy: registry.Proxy{NodeID: name, Namespace: "default", Name: name, ServiceAccount: account},
	}
}

func newHub(t *testing.T) (*Hub, *agents) {
	t.Helper()
	list, problems := config.Decode("mesh.yaml", strings.NewReader(objects))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	snapshot := mesh.Build(config.Set{}.With(config.Batch{Full: true, Upserts: list}), mesh.Options{})
	a := &agents{taps: map[string]*agentapi.Taps{}, told: make(chan struct{}, 100), sessions: []registry.Session{session("client", "client"), session("web-1", "web")}}
	h := New(Options{
		Snapshot: func() *mesh.Snapshot { return snapshot }, Log: slog.New(slog.DiscardHandler), LoggedHeaders: func() []string { return nil },
		Sessions: func() []registry.Session {
			a.mu.Lock()
			defer a.mu.Unlock()
			return a.sessions
		},
		Tap: func(nodeID string, taps *agentapi.Taps) bool {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.taps[nodeID] = taps
			return true
		},
	})
	return h, a
}

func (a *agents) of(nodeID string) []*agentapi.Tap {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.taps[nodeID].GetTaps()
}

// watch runs a viewer; the first status has been read when it returns.
func watch(t *testing.T, h *Hub, r tap.Request) (<-chan tap.Line, func()) {
	t.Helper()
	lines := make(chan tap.Line, 10000)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- h.Watch(ctx, r, func(l tap.Line) error { lines <- l; return nil })
	}()
	if l := <-lines; l.Status == nil {
		t.Fatalf("the first line is %+v", l)
	}
	end := sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(end)
	return lines, end
}

func report(e tap.Event, ids ...uint64) *agentapi.Tapped {
	data, _ := json.Marshal(e)
	return &agentapi.Tapped{Sample: 100, Requests: []*agentapi.TappedRequest{{EventJson: data, Taps: ids}}}
}

func event(t *testing.T, lines <-chan tap.Line) tap.Event {
	t.Helper()
	timeout := time.After(10 * time.Second)
	for {
		select {
		case l := <-lines:
			if l.Event != nil {
				return *l.Event
			}
		case <-timeout:
			t.Fatal("no event")
		}
	}
}

func everything() tap.Request { return tap.Request{Rate: 100, Sample: 100} }

// TestAgentsAreNotBelieved: an agent says what it saw, and neither who it is nor for whom it is meant.
func TestAgentsAreNotBelieved(t *testing.T) {
	h, a := newHub(t)
	r := everything()
	r.Targets = []tap.Ref{{Name: "client"}}
	lines, end := watch(t, h, r)
	id := a.of("client")[0].GetId()
	if len(a.of("web-1")) != 0 {
		t.Error("an agent is told that is not concerned")
	}
	good := tap.Event{Side: tap.Client, Path: "/good?token=hush", Destination: tap.Peer{Address: "10.0.0.1:80", Workload: "forged"}, Source: tap.Peer{Workload: "forged"}, Proxy: "forged"}
	h.Tapped("web-1", report(tap.Event{Side: tap.Client, Path: "/not-asked"}, id))
	h.Tapped("nix", report(good, id))
	h.Tapped("", report(good, id))
	h.Tapped("client", report(good, id+1))
	h.Tapped("client", report(tap.Event{Side: "odd"}, id))
	for _, data := range []string{"", "[", `{"side": 1}`, "\xff", `{"path": "` + strings.Repeat("a", maxEvent) + `"}`} {
		h.Tapped("client", &agentapi.Tapped{Sample: 1 << 31, Problem: "\xff" + strings.Repeat("x", 1000), Requests: []*agentapi.TappedRequest{{EventJson: []byte(data), Taps: []uint64{id}}}})
	}
	h.Tapped("client", report(good, id))
	e := event(t, lines)
	if got := fmt.Sprint(e.Path, e.Proxy, e.Source.Workload, e.Destination.Workload, e.Destination.Version); got != "/good?token=REDACTEDclient.defaultclientwebv1" {
		t.Error(got)
	}
	end()
	if len(a.of("client")) != 0 {
		t.Error("the agent is not told that the viewer has gone")
	}
	h.Tapped("client", report(good, id)) // nobody is there
}

// TestFlood: a viewer that does not read, and an agent that does not stop, cost others nothing.
func TestFlood(t *testing.T) {
	h, a := newHub(t)
	block, entered := make(chan struct{}), make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	var once sync.Once
	go func() {
		done <- h.Watch(ctx, tap.Request{Rate: tap.MaxRate, Sample: 100}, func(tap.Line) error {
			once.Do(func() { close(entered) })
			<-block
			return nil
		})
	}()
	<-entered
	slow := a.of("client")[0].GetId()
	r := everything()
	r.Rate = 10
	lines, _ := watch(t, h, r)
	var quick uint64
	for _, one := range a.of("client") {
		if one.GetId() != slow {
			quick = one.GetId()
		}
	}
	for range 3000 {
		h.Tapped("client", report(tap.Event{Side: tap.Client, Path: "/"}, slow, quick))
	}
	event(t, lines)
	h.mu.Lock()
	shown, missed := len(h.viewers[slow].events), h.viewers[slow].dropped.Load()
	if shown > queue || uint64(shown)+missed != 3000 || h.viewers[quick].dropped.Load() < 2900 {
		t.Errorf("%d wait, %d dropped; of the other %d", shown, missed, h.viewers[quick].dropped.Load())
	}
	h.mu.Unlock()
	close(block)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestWhoLooksWhere tells the plans apart.
func TestWhoLooksWhere(t *testing.T) {
	h, a := newHub(t)
	for _, c := range []struct {
		r    tap.Request
		want string
	}{
		{tap.Request{}, "client= web-1="},
		{tap.Request{From: []tap.Ref{{Name: "client"}}}, "client=client"},
		{tap.Request{To: []tap.Ref{{Kind: "service", Name: "web"}}}, "client=client web-1="},
		{tap.Request{From: []tap.Ref{{Name: "bare"}}, To: []tap.Ref{{Name: "web"}}}, "client=client web-1="},
		{tap.Request{Namespace: "default"}, "client= web-1="},
		{tap.Request{Targets: []tap.Ref{{Kind: "service", Name: "web.default"}}}, "web-1="},
	} {
		c.r.Rate, c.r.Sample = 1, 100
		_, end := watch(t, h, c.r)
		var got []string
		for _, node := range []string{"client", "web-1"} {
			for _, one := range a.of(node) {
				var f tap.Filter
				if err := json.Unmarshal([]byte(one.GetFilterJson()), &f); err != nil {
					t.Fatal(err)
				}
				got = append(got, node+"="+string(f.Side))
			}
		}
		end()
		if text := strings.Join(got, " "); text != c.want {
			t.Errorf("%+v: %s, want %s", c.r, text, c.want)
		}
	}
}

func TestQuestions(t *testing.T) {
	h, _ := newHub(t)
	for _, r := range []tap.Request{
		{Targets: []tap.Ref{{Name: "bare"}}}, {To: []tap.Ref{{Name: "nix"}}}, {Namespace: "nix"},
		{Filter: tap.Filter{Headers: []tap.HeaderMatch{{Name: "x-odd"}}}},
	} {
		var input *adminapi.InputError
		if err := h.Watch(t.Context(), r, func(tap.Line) error { return nil }); !errors.As(err, &input) {
			t.Errorf("%+v: %v", r, err)
		}
	}
	for range maxViewers {
		watch(t, h, everything())
	}
	if err := h.Watch(t.Context(), everything(), nil); !errors.Is(err, ErrTooMany) {
		t.Errorf("one too many: %v", err)
	}
}

// TestSilence: agents that do not answer are named, and those that come back are told again.
func TestSilence(t *testing.T) {
	h, a := newHub(t)
	lines, _ := watch(t, h, everything())
	h.Tapped("client", &agentapi.Tapped{Sample: 30})
	h.Tapped("web-1", &agentapi.Tapped{Problem: "Envoy does not answer"})
	for l := range lines {
		if s := l.Status; s != nil && s.Reporting == 1 && len(s.Silent) == 1 && s.Sample == 30 {
			if s.Silent[0] != (tap.Silent{Proxy: "web-1.default", Reason: "Envoy does not answer"}) {
				t.Error(s.Silent)
			}
			break
		}
	}
	a.mu.Lock()
	a.taps = map[string]*agentapi.Taps{}
	a.mu.Unlock()
	h.Changed("client")
	h.Changed("nix")
	if len(a.of("client")) != 1 {
		t.Error("an agent that has connected anew is not told")
	}
}
