package tap

import (
	"bytes"
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/meshctl/meshctl/internal/adminapi"
	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/meshstate"
	"github.com/meshctl/meshctl/pkg/tap"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// backend shows requests.
type backend struct {
	adminapi.Backend
	lines []tap.Line
	asked chan tap.Request
	// holds the answer open until its reader goes.
	holds bool
}

func (b backend) Tap(ctx context.Context, r tap.Request, emit func(tap.Line) error) error {
	b.asked <- r
	if len(r.Targets) > 0 && r.Targets[0].Name == "nix" {
		return &adminapi.InputError{Message: "nobody is called nix"}
	}
	for _, l := range b.lines {
		if err := emit(l); err != nil {
			return err
		}
	}
	if b.holds {
		<-ctx.Done()
	}
	return nil
}

func lines() []tap.Line {
	took := 1.5
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	web := tap.Peer{Workload: "web", Namespace: "default", Version: "v3"}
	return []tap.Line{
		{Status: &tap.Status{Proxies: 1, Sample: 100, Silent: []tap.Silent{{Proxy: "old.default", Reason: "it is old"}}}},
		{Event: &tap.Event{
			Time: at, Proxy: "client.default", Side: tap.Client, Source: tap.Peer{Workload: "client", Namespace: "shop"}, Destination: web, Protocol: "HTTP/1.1", Method: "GET",
			Path: "/a?x=1&y=2", Status: 200, DurationMs: 2.5, UpstreamMs: &took, Security: tap.MutualTLS, Sent: 10,
		}},
		{Status: &tap.Status{Proxies: 1, Sample: 30, Dropped: 5}},
		{Event: &tap.Event{
			Time: at, Proxy: "web-1.default", Side: tap.Server, Source: tap.Peer{Address: "10.0.0.1:123"}, Destination: web, Protocol: "HTTP/2", Method: "\x1b[31mODD",
			Path: "/" + strings.Repeat("b", 100), Status: 503, Flags: []string{"UO"}, DurationMs: 12345, Security: tap.Plaintext,
		}},
		{Event: &tap.Event{Time: at, Side: tap.Client, Source: tap.Peer{Identity: "spiffe://a/ns/b/sa/c"}, Destination: tap.Peer{Service: "api.example.com"}, Protocol: "TCP"}},
	}
}

type result struct {
	out, narration string
	err            error
	asked          tap.Request
}

func command(t *testing.T, b backend, args ...string) result {
	t.Helper()
	b.asked = make(chan tap.Request, 100)
	server := httptest.NewServer(adminapi.Handler(b))
	defer server.Close()
	state := t.TempDir()
	if err := meshstate.Save(meshstate.Dir(state+"/meshctl", "default"), meshstate.MeshState{AdminAddress: server.Listener.Addr().String()}); err != nil {
		t.Fatal(err)
	}
	var out, narration bytes.Buffer
	f := &factory.Factory{
		IO: genericiooptions.IOStreams{Out: &out, ErrOut: &narration, In: &bytes.Buffer{}}, Now: time.Now, Mesh: "default",
		Getenv: func(name string) string { return map[string]string{"XDG_STATE_HOME": state}[name] },
	}
	cmd := NewCmd(f, nil)
	cmd.SetArgs(args)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	r := result{err: cmd.ExecuteContext(t.Context())}
	r.out, r.narration = out.String(), narration.String()
	select {
	case r.asked = <-b.asked:
	default:
	}
	return r
}

func TestTable(t *testing.T) {
	r := command(t, backend{lines: lines()}, "--limit", "3")
	if r.err != nil {
		t.Fatal(r.err)
	}
	rows := strings.Split(strings.TrimSpace(r.out), "\n")
	if len(rows) != 4 {
		t.Fatalf("%q", r.out)
	}
	for i, want := range []string{
		"TIME SOURCE DESTINATION METHOD PATH STATUS TOOK UPSTREAM MTLS BYTES WHY",
		"client.shop web v3 GET /a?x=1&y=2 200 2.5ms 1.5ms yes 0/10 -",
		`10.0.0.1 web v3 \x1b[31mODD /` + strings.Repeat("b", 58) + "… 503 UO 12.3s - no 0/0 circuit breaking: too much is under way to the destination",
		"sa/c api.example.com TCP - - 0.0ms - - 0/0 -",
	} {
		got := strings.Join(strings.Fields(rows[i]), " ")
		if i > 0 {
			_, got, _ = strings.Cut(got, " ")
		}
		if got != want {
			t.Errorf("row %d: %q, want %q", i, got, want)
		}
	}
	for _, want := range []string{
		"Looking at the requests of 1 proxy", "old.default shows nothing: it is old", "reports 30% of them only", "5 requests not shown so far", "3 requests were shown, 5 were not.",
	} {
		if !strings.Contains(r.narration, want) {
			t.Errorf("%q is not said: %s", want, r.narration)
		}
	}
}

func TestJSON(t *testing.T) {
	r := command(t, backend{lines: lines(), holds: true}, "-o", "json", "--limit", "2")
	rows := strings.Split(strings.TrimSpace(r.out), "\n")
	if r.err != nil || len(rows) != 2 || !strings.Contains(rows[0], `"path":"/a?x=1&y=2"`) || !strings.Contains(rows[1], `"status":503`) {
		t.Errorf("%v: %s", r.err, r.out)
	}
}

// TestYAML has one document a request, for as long as one window.
func TestYAML(t *testing.T) {
	r := command(t, backend{lines: lines(), holds: true}, "-o", "yaml", "--once", "-w", "50ms")
	documents := strings.Split(r.out, "---\n")
	if r.err != nil || len(documents) != 4 || documents[0] != "" || !strings.Contains(documents[1], "\npath: /a?x=1&y=2\n") || !strings.Contains(documents[2], "\nstatus: 503\n") {
		t.Errorf("%v: %s", r.err, r.out)
	}
}

// TestFor ends by itself, and that is no failure.
func TestFor(t *testing.T) {
	if r := command(t, backend{lines: lines()[:1], holds: true}, "--for", "50ms"); r.err != nil || !strings.Contains(r.narration, "0 requests were shown.") {
		t.Errorf("%v: %s", r.err, r.narration)
	}
}

// TestLost: when the control plane ends the answer, it is asked again.
func TestLost(t *testing.T) {
	r := command(t, backend{lines: lines()[:2]}, "--limit", "3")
	if r.err != nil || strings.Count(r.out, "GET") != 3 || !strings.Contains(r.narration, "trying again") {
		t.Errorf("%v: %s%s", r.err, r.out, r.narration)
	}
}

func TestFlags(t *testing.T) {
	r := command(t, backend{lines: lines()}, "deploy/a", "--from", "svc/b", "--to", "ns/c,sa/d", "-n", "shop", "--method", "get,put", "--path", "/a,b*", "--status", "5xx,none",
		"--header", "end-user=a,b", "--min-duration", "2s", "--side", "server", "--max-rps", "7", "--sample", "8", "--limit", "1")
	const want = "from=service%2Fb&header=end-user%3Da%2Cb&method=GET&method=PUT&minDuration=2s&namespace=shop&path=%2Fa%2Cb%2A&rate=7&sample=8&side=server&status=500-599&status=none&target=workload%2Fa&to=namespace%2Fc&to=serviceaccount%2Fd"
	if got := r.asked.Query().Encode(); got != want {
		t.Errorf("%v: got\n%s, want\n%s", r.err, got, want)
	}
	if r = command(t, backend{lines: lines()}, "-A", "-n", "shop", "--limit", "1"); r.asked.Namespace != "" {
		t.Errorf("all namespaces: %q", r.asked.Namespace)
	}
}

func TestMistakes(t *testing.T) {
	for _, args := range [][]string{
		{"nix/a"}, {"--status", "5xz"}, {"--header", "authorization=a"}, {"--max-rps", "0"}, {"--sample", "101"}, {"--side", "left"}, {"--for", "-1s"}, {"-o", "name"},
		{"--once", "--watch"}, {"--once", "--for", "1s"}, {"-w", "1s"}, {"--once", "-w", "0s"},
	} {
		if r := command(t, backend{}, args...); exitcode.Of(r.err) != exitcode.Usage {
			t.Errorf("%v: %v", args, r.err)
		}
	}
	var input *adminapi.InputError
	if r := command(t, backend{}, "nix"); !errors.As(r.err, &input) || exitcode.Of(r.err) != exitcode.Failure {
		t.Errorf("%v", r.err)
	}
}
