package proxystatus

import (
	"bytes"
	"context"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/types/known/anypb"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/meshctl/meshctl/internal/adminapi"
	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/meshstate"
	"github.com/meshctl/meshctl/pkg/authz/ask"
	"github.com/meshctl/meshctl/pkg/tap"
	"github.com/meshctl/meshctl/pkg/traffic"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// backend answers with the next state of its only proxy at each look, and calls last when there is none left.
type backend struct {
	mu     sync.Mutex
	states []adminapi.SyncState
	last   func()
}

func (*backend) Status() adminapi.Status { return adminapi.Status{Instance: "meshd-1"} }

func (b *backend) Proxies() []adminapi.Proxy {
	b.mu.Lock()
	defer b.mu.Unlock()
	state := b.states[0]
	if len(b.states) > 1 {
		b.states = b.states[1:]
	} else if b.last != nil {
		b.last()
	}
	return []adminapi.Proxy{{ID: "a.default", Name: "a", Namespace: "default", Connected: true, Sync: []adminapi.TypeSync{{Type: "CDS", State: state}}}}
}

func (*backend) Config(context.Context, string) (map[string][]*anypb.Any, error) { return nil, nil }

func (*backend) Rotate(context.Context, string) (adminapi.Certificate, error) {
	return adminapi.Certificate{}, nil
}

func (*backend) WorkloadGroup(string, string) (adminapi.WorkloadGroup, error) {
	return adminapi.WorkloadGroup{}, adminapi.ErrUnknownGroup
}

func (*backend) Configuration() (adminapi.Configuration, error) {
	return adminapi.Configuration{}, nil
}

func (*backend) Tap(context.Context, tap.Request, func(tap.Line) error) error { return nil }

func (*backend) Authorize(ask.Query) ([]ask.Report, error) { return nil, nil }

func (*backend) WaitSync(context.Context) adminapi.SyncReport { return adminapi.SyncReport{} }

func start(t *testing.T, b *backend) (*factory.Factory, *bytes.Buffer) {
	t.Helper()
	server := httptest.NewServer(adminapi.Handler(b))
	t.Cleanup(server.Close)
	state := t.TempDir()
	if err := meshstate.Save(meshstate.Dir(state+"/meshctl", "default"), meshstate.MeshState{AdminAddress: server.Listener.Addr().String()}); err != nil {
		t.Fatal(err)
	}
	io, _, out, _ := genericiooptions.NewTestIOStreams()
	return &factory.Factory{
		IO: io, Now: time.Now, Mesh: "default",
		Getenv: func(name string) string { return map[string]string{"XDG_STATE_HOME": state}[name] },
	}, out
}

func execute(ctx context.Context, f *factory.Factory, args ...string) error {
	cmd := NewCmd(f, nil)
	cmd.SetArgs(args)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	return cmd.ExecuteContext(ctx)
}

func TestWatchEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	f, out := start(t, &backend{states: []adminapi.SyncState{adminapi.Stale, adminapi.Synced, adminapi.Synced}, last: cancel})
	if err := execute(ctx, f, "--watch", "--interval", "1ms"); err != nil {
		t.Errorf("interrupted watch: %v", err)
	}
	if s := out.String(); !strings.Contains(s, "STALE") || !strings.Contains(s, "SYNCED") {
		t.Errorf("output:\n%s", s)
	}
}

func TestWatchEndsWithAFinding(t *testing.T) {
	f, _ := start(t, &backend{states: []adminapi.SyncState{adminapi.Synced, adminapi.Rejected}})
	if err := execute(t.Context(), f, "--watch", "--interval", "1ms", "--fail-on", "rejected"); exitcode.Of(err) != exitcode.Findings {
		t.Errorf("error %v", err)
	}
}

func TestFailOn(t *testing.T) {
	now := time.Unix(1000, 0)
	row := func(s adminapi.SyncState, since int64) []Row {
		return []Row{{Proxy: adminapi.Proxy{Connected: true, Sync: []adminapi.TypeSync{{State: s, PendingSince: time.Unix(since, 0)}}}, State: s}}
	}
	gone := []Row{{Proxy: adminapi.Proxy{ConnectedSince: time.Unix(900, 0)}, State: adminapi.Stale}}
	for _, c := range []struct {
		flag string
		rows []Row
		want bool
	}{
		{"rejected", row(adminapi.Rejected, 0), true},
		{"rejected", row(adminapi.Stale, 0), false},
		{"stale=30s", row(adminapi.Rejected, 999), true},
		{"stale=30s", row(adminapi.Stale, 969), true},
		{"stale=30s", row(adminapi.Stale, 971), false},
		{"stale=30s", row(adminapi.Synced, 0), false},
		{"stale=30s", gone, true},
		{"stale=3m", gone, false},
		{"rejected", gone, false},
	} {
		l, err := parseFailOn([]string{c.flag})
		if err != nil {
			t.Fatal(err)
		}
		if got := l.exceeded(c.rows, now); got != c.want {
			t.Errorf("--fail-on %s with %+v: %v", c.flag, c.rows, got)
		}
	}
}

func (*backend) Traffic(context.Context, string) (traffic.Report, error) {
	return traffic.Report{}, nil
}
