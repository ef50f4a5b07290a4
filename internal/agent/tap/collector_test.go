package tap

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	datav3 "github.com/envoyproxy/go-control-plane/envoy/data/accesslog/v3"
	servicev3 "github.com/envoyproxy/go-control-plane/envoy/service/accesslog/v3"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/meshctl/meshctl/internal/agent/admin"
	"github.com/meshctl/meshctl/internal/agentapi"
	"github.com/meshctl/meshctl/pkg/tap"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 10 * time.Second

// envoy stands for the admin interface of one that may be replaced.
type envoy struct {
	*httptest.Server
	settings chan string

	mu      sync.Mutex
	pid     int
	failing bool
	changed chan struct{}
}

func newEnvoy(t *testing.T) *envoy {
	e := &envoy{settings: make(chan string, 16), pid: 1, changed: make(chan struct{})}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.failing {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		e.settings <- r.Method + " " + r.URL.RequestURI()
	}))
	t.Cleanup(e.Close)
	return e
}

func (e *envoy) now() (int, admin.Client, <-chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.pid, admin.Client{Address: e.Listener.Addr().String(), HTTP: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}, e.changed
}

func (e *envoy) change(change func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	change()
	close(e.changed)
	e.changed = make(chan struct{})
}

func (e *envoy) wants(t *testing.T, percent int) {
	t.Helper()
	select {
	case got := <-e.settings:
		if want := fmt.Sprintf("POST /runtime_modify?%s=%d", tap.RuntimeKey, percent); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	case <-time.After(patience):
		t.Fatalf("Envoy was not told %d%%", percent)
	}
}

// run runs a Collector and returns a stream of reports to it.
func run(t *testing.T, e *envoy) (*Collector, func(side tap.Side, entries ...*datav3.HTTPAccessLogEntry)) {
	t.Helper()
	c := New(Options{Envoy: e.now})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	c.Register(server)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = server.Serve(listener) })
	running.Go(func() { c.Run(ctx) })
	conn, err := grpc.NewClient("passthrough:///"+listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(); cancel(); server.Stop(); running.Wait() })
	return c, func(side tap.Side, entries ...*datav3.HTTPAccessLogEntry) {
		t.Helper()
		stream, err := servicev3.NewAccessLogServiceClient(conn).StreamAccessLogs(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.Send(&servicev3.StreamAccessLogsMessage{
			Identifier: &servicev3.StreamAccessLogsMessage_Identifier{LogName: tap.LogName(side)},
			LogEntries: &servicev3.StreamAccessLogsMessage_HttpLogs{HttpLogs: &servicev3.StreamAccessLogsMessage_HTTPAccessLogEntries{LogEntry: entries}},
		}); err != nil {
			t.Fatal(err)
		}
	}
}

func next(t *testing.T, c *Collector) *agentapi.Tapped {
	t.Helper()
	select {
	case m := <-c.Reports():
		return m
	case <-time.After(patience):
		t.Fatal("no report")
		return nil
	}
}

func entry(path string, status uint32) *datav3.HTTPAccessLogEntry {
	return &datav3.HTTPAccessLogEntry{
		CommonProperties: &datav3.AccessLogCommon{
			StartTime: timestamppb.Now(), Duration: durationpb.New(3 * time.Millisecond), UpstreamCluster: "outbound|80|v1|web.default.svc.cluster.local",
			CustomTags:            map[string]string{tap.TagPeer: "spiffe://a/ns/b/sa/c", tap.TagGRPC: "-", tap.TagMethod: "GET"},
			UpstreamRemoteAddress: socket("10.0.0.1", 80), ResponseFlags: &datav3.ResponseFlags{UpstreamOverflow: true, DelayInjected: true},
		},
		Request:  &datav3.HTTPRequestProperties{Path: path, RequestHeaders: map[string]string{"Authorization": "hush", "b3": "1"}},
		Response: &datav3.HTTPResponseProperties{ResponseCode: wrapperspb.UInt32(status)},
	}
}

func socket(address string, port uint32) *corev3.Address {
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address: address, PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: port},
	}}}
}

func TestCollector(t *testing.T) {
	e := newEnvoy(t)
	c, report := run(t, e)
	c.Set([]*agentapi.Tap{{Id: 7, FilterJson: `{"statuses":["5xx"]}`, Rate: 100, Sample: 50}})
	e.wants(t, 50)
	if m := next(t, c); m.GetSample() != 50 || len(m.GetRequests()) != 0 {
		t.Errorf("the answer is %v", m)
	}
	report(tap.Client, entry("/no", 200), entry("/yes?token=hush", 503))
	m := next(t, c)
	if len(m.GetRequests()) != 1 || fmt.Sprint(m.GetRequests()[0].GetTaps()) != "[7]" {
		t.Fatalf("got %v", m)
	}
	var got tap.Event
	if err := json.Unmarshal(m.GetRequests()[0].GetEventJson(), &got); err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprintf("%+v", got); strings.Contains(text, "hush") {
		t.Errorf("a secret: %s", text)
	}
	if got.Path != "/yes?token=REDACTED" || got.Destination.Service != "web.default.svc.cluster.local" || got.Destination.Port != 80 || got.Security != tap.MutualTLS ||
		fmt.Sprint(got.Flags) != "[DI UO]" || got.DurationMs != 3 || got.Destination.Address != "10.0.0.1:80" || got.GRPC != nil {
		t.Errorf("%+v", got)
	}

	// Another Envoy knows nothing of it.
	e.change(func() { e.pid = 2 })
	e.wants(t, 50)
	c.Set([]*agentapi.Tap{{Id: 7, Rate: 100, Sample: 50, FilterJson: "{}"}, {Id: 8, Rate: 1, Sample: 100, FilterJson: "{}"}, {Id: 9, FilterJson: "["}})
	e.wants(t, 100)
	next(t, c)
	report(tap.Server, entry("/1", 200), entry("/2", 200), entry("/3", 200))
	dropped, taken := uint64(0), 0
	for dropped+uint64(taken) < 3 {
		m := next(t, c)
		dropped += m.GetDropped()[8]
		for _, r := range m.GetRequests() {
			if strings.Contains(fmt.Sprint(r.GetTaps()), "8") {
				taken++
			}
		}
	}
	if taken != 1 || dropped != 2 {
		t.Errorf("%d taken and %d dropped at a rate of 1", taken, dropped)
	}
	c.Set(nil)
	e.wants(t, 0)
}

// TestRefusal: the control plane hears when Envoy cannot be told.
func TestRefusal(t *testing.T) {
	e := newEnvoy(t)
	e.failing = true
	c, _ := run(t, e)
	c.Set([]*agentapi.Tap{{Id: 1, Rate: 1, Sample: 100, FilterJson: "{}"}})
	if m := next(t, c); m.GetSample() != 0 || !strings.Contains(m.GetProblem(), "403") {
		t.Errorf("got %v", m)
	}
	e.mu.Lock()
	e.failing = false
	e.mu.Unlock()
	e.wants(t, 100)
	if m := next(t, c); m.GetSample() != 100 || m.GetProblem() != "" {
		t.Errorf("got %v", m)
	}
}

// TestNobodyReads: what nobody takes is bounded and counted.
func TestNobodyReads(t *testing.T) {
	c := New(Options{})
	c.Set([]*agentapi.Tap{{Id: 1, Rate: tap.MaxRate, Sample: 100, FilterJson: "{}"}, {Id: 2, Rate: tap.MaxRate, Sample: 100, FilterJson: "{}"}})
	for range maxPending + 100 {
		c.keep(request(tap.Client, entry("/", 200)))
	}
	if len(c.pending) > maxPending || c.taps[0].dropped < 100 || c.taps[1].dropped < 100 {
		t.Errorf("%d wait, %d and %d dropped", len(c.pending), c.taps[0].dropped, c.taps[1].dropped)
	}
	for sent := 0; len(c.pending) > 0; {
		m := c.gathered(sampling{percent: 100})
		if n := len(m.GetRequests()); n > maxBatch {
			t.Errorf("a message of %d", n)
		}
		if sent++; sent > 100 {
			t.Fatal("it does not end")
		}
	}
}

func TestAdapt(t *testing.T) {
	share := 100
	for range 3 {
		share = adapt(share, 5000*float64(share)/100, 500)
	}
	if share != 10 {
		t.Errorf("%d%% of 5000 a second for 500", share)
	}
	if share = adapt(1, 1e9, 500); share != 1 {
		t.Errorf("%d%%", share)
	}
	for range 8 {
		share = adapt(share, 0, 500)
	}
	if share != 100 {
		t.Errorf("%d%% of nothing", share)
	}
}

// FuzzConvert: whatever a proxy reports becomes an event that can be sent.
func FuzzConvert(f *testing.F) {
	seed, _ := proto.Marshal(entry("/a?b=c", 200))
	f.Add(seed)
	f.Fuzz(func(t *testing.T, data []byte) {
		var in datav3.HTTPAccessLogEntry
		if proto.Unmarshal(data, &in) != nil {
			return
		}
		for _, side := range []tap.Side{tap.Client, tap.Server, tap.Edge} {
			for _, e := range []*tap.Event{request(side, &in), connection(side, &datav3.TCPAccessLogEntry{CommonProperties: in.GetCommonProperties()})} {
				e.Redact()
				e.Explain()
				if _, err := json.Marshal(e); err != nil {
					t.Fatalf("%+v: %v", e, err)
				}
			}
		}
	})
}
