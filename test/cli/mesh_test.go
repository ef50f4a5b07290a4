package cli_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/anypb"

	_ "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"

	"github.com/meshctl/meshctl/internal/adminapi"
	"github.com/meshctl/meshctl/internal/meshstate"
	"github.com/meshctl/meshctl/pkg/authz/ask"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/tap"
	"github.com/meshctl/meshctl/pkg/traffic"
)

// fixture is a mesh as a script writes it down. Times are ages: "age" of a proxy's acknowledgements and of its
// connection, in seconds before now.
type fixture struct {
	StatusAnswer adminapi.Status              `json:"status"`
	List         []adminapi.Proxy             `json:"proxies"`
	Resources    map[string][]json.RawMessage `json:"resources"` // by proxy id: what it should run
	AckAge       int                          `json:"ackAge"`    // seconds
	Objects      string                       `json:"objects"`   // YAML, what authorization is asked of
	// Made is what the mesh is made of; its directories and files are relative to the script's.
	Made adminapi.Configuration `json:"configuration"`
	// Counted is what the proxies count in each second; Tapped are the requests that a viewer sees.
	Counted traffic.Report `json:"counted"`
	Tapped  []tap.Line     `json:"tapped"`

	looks *atomic.Int64
}

// startMesh serves a fixture as the running mesh: `mesh FIXTURE [DUMP]`. DUMP is what every proxy's Envoy answers.
func startMesh(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: mesh FIXTURE [DUMP]")
	}
	f := fixture{looks: &atomic.Int64{}}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &f))
	for i, dir := range f.Made.ConfigDirs {
		f.Made.ConfigDirs[i] = ts.MkAbs(dir)
	}
	for i := range f.Made.OfBrokenFiles {
		f.Made.OfBrokenFiles[i].File = ts.MkAbs(f.Made.OfBrokenFiles[i].File)
	}
	envoy := httptest.NewServer(&fakeEnvoy{dump: readDump(ts, args)})
	ts.Defer(envoy.Close)
	now := time.Now()
	for i := range f.List {
		p := &f.List[i]
		if p.AdminAddress == "" {
			p.AdminAddress = envoy.Listener.Addr().String()
		}
		for j := range p.Sync {
			p.Sync[j].LastAck = now.Add(-time.Duration(f.AckAge) * time.Second)
			p.Sync[j].LastSent = p.Sync[j].LastAck
		}
		if p.Certificate != nil {
			p.Certificate.NotBefore = now.Add(-time.Hour)
			p.Certificate.NotAfter = now.Add(23*time.Hour + 30*time.Second)
		}
	}
	server := httptest.NewServer(adminapi.Handler(f))
	ts.Defer(server.Close)
	ts.Check(meshstate.Save(filepath.Join(ts.Getenv("XDG_STATE_HOME"), "meshctl", "default"), meshstate.MeshState{
		Mesh: "default", PID: os.Getpid(), AdminAddress: server.Listener.Addr().String(),
	}))
}

func readDump(ts *testscript.TestScript, args []string) string {
	if len(args) < 2 {
		return `{"configs":[]}`
	}
	return ts.ReadFile(args[1])
}

func (f fixture) Configuration() (adminapi.Configuration, error) { return f.Made, nil }

func (f fixture) Status() adminapi.Status   { return f.StatusAnswer }
func (f fixture) Proxies() []adminapi.Proxy { return f.List }

func (f fixture) Config(_ context.Context, id string) (map[string][]*anypb.Any, error) {
	out := map[string][]*anypb.Any{}
	for _, raw := range f.Resources[id] {
		a := &anypb.Any{}
		if err := protojson.Unmarshal(raw, a); err != nil {
			return nil, err
		}
		out[a.TypeUrl] = append(out[a.TypeUrl], a)
	}
	return out, nil
}

func (f fixture) Rotate(_ context.Context, id string) (adminapi.Certificate, error) {
	for _, p := range f.List {
		if p.ID == id && p.Certificate != nil {
			c := *p.Certificate
			c.Serial = "new"
			return c, nil
		}
	}
	return adminapi.Certificate{}, adminapi.ErrUnknownProxy
}

func (fixture) WorkloadGroup(string, string) (adminapi.WorkloadGroup, error) {
	return adminapi.WorkloadGroup{}, adminapi.ErrUnknownGroup
}

func (f fixture) Authorize(q ask.Query) ([]ask.Report, error) {
	objects, _ := config.Decode("mesh.yaml", strings.NewReader(f.Objects))
	return ask.Answer(mesh.Build(config.Set{}.With(config.Batch{Full: true, Upserts: objects}), mesh.Options{}), q, time.Now())
}

func (f fixture) WaitSync(context.Context) adminapi.SyncReport {
	return adminapi.SyncReport{Synced: true}
}

// fakeEnvoy is an admin interface whose answers are fixed, but for the level of its only logger.
type fakeEnvoy struct {
	dump  string
	level string
}

func (e *fakeEnvoy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := ""
	switch r.URL.Path {
	case "/config_dump":
		answer = e.dump
	case "/clusters":
		answer = `{"cluster_statuses":[{"name":"outbound|80||a","host_statuses":[{"address":{"socket_address":{"address":"10.0.0.1","port_value":80}},` +
			`"health_status":{"eds_health_status":"HEALTHY","failed_outlier_check":true},"stats":[{"name":"rq_total","value":"7"}]}]}]}`
	case "/logging":
		if r.Method != http.MethodPost {
			http.Error(w, "POST only", http.StatusMethodNotAllowed)
			return
		}
		for _, levels := range r.URL.Query() {
			e.level = strings.Join(levels, "")
		}
		answer = "active loggers:\n  http2: " + e.level + "\n"
	default:
		http.NotFound(w, r)
		return
	}
	_, _ = w.Write([]byte(answer))
}
