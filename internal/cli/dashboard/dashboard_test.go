package dashboard_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/meshctl/meshctl/internal/cli/dashboard"
	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/meshstate"
	"github.com/meshctl/meshctl/pkg/dashboard/session"
	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/pkg/topology/topologytest"
)

var update = flag.Bool("update", false, "write golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// meshctl runs the command on a machine without a mesh.
func meshctl(t *testing.T, ctx context.Context, home string, args ...string) (out, errOut string, err error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	err = command(ctx, home, &stdout, &stderr, args...)
	return stdout.String(), stderr.String(), err
}

func command(ctx context.Context, home string, stdout, stderr io.Writer, args ...string) error {
	f := &factory.Factory{
		IO: genericiooptions.IOStreams{In: strings.NewReader(""), Out: stdout, ErrOut: stderr}, Mesh: meshstate.DefaultMesh,
		Getenv: func(name string) string { return map[string]string{"HOME": home}[name] },
	}
	cmd := dashboard.NewCmd(f, nil)
	cmd.SetArgs(args)
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	return cmd.ExecuteContext(ctx)
}

func recorded(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "session.jsonl")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := session.NewWriter(f, "test")
	early := topologytest.Bookinfo()
	early.Nodes, early.Edges = early.Nodes[:2], nil
	for _, g := range []topology.Graph{early, topologytest.Bookinfo()} {
		if err := w.Write(g); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func TestOnce(t *testing.T) {
	path := recorded(t)
	for name, args := range map[string][]string{
		"whole": nil, "narrow": {"--width", "100"}, "ascii": {"--ascii", "--labels", "errors"}, "services": {"--collapse", "service"},
		"namespaces": {"--collapse", "namespace", "--labels", "rate"}, "system": {"-n", "istio-system"}, "failing": {"--filter", "err > 5%", "--bad"}, "hidden": {"--hide", "ns = default"},
	} {
		out, errOut, err := meshctl(t, t.Context(), t.TempDir(), append([]string{"--once", "--replay", path}, args...)...)
		if err != nil || errOut != "" {
			t.Fatalf("%s: %v, %s", name, err, errOut)
		}
		golden := filepath.Join("testdata", name+".txt")
		if *update {
			if err := os.WriteFile(golden, []byte(out), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), out); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestOnceStaysWithinTheWidth(t *testing.T) {
	out, errOut, err := meshctl(t, t.Context(), t.TempDir(), "--once", "--replay", recorded(t), "--width", "100")
	if err != nil || errOut != "" {
		t.Fatal(err, errOut)
	}
	for line := range strings.Lines(out) {
		if w := ansi.StringWidth(strings.TrimSpace(line)); w > 100 {
			t.Errorf("%d cells: %s", w, line)
		}
	}
	if _, errOut, _ = meshctl(t, t.Context(), t.TempDir(), "--once", "--replay", recorded(t), "--width", "20"); !strings.Contains(errOut, "make the terminal wider") {
		t.Error(errOut)
	}
}

func TestNothingToShowIsSaid(t *testing.T) {
	out, errOut, err := meshctl(t, t.Context(), t.TempDir(), "--once", "--replay", recorded(t), "-n", "nowhere")
	if err != nil || !strings.Contains(errOut, "nothing to show") || !strings.Contains(out, "0 nodes") {
		t.Errorf("%v, %s, %s", err, out, errOut)
	}
}

func TestOnceFormats(t *testing.T) {
	path := recorded(t)
	for format, check := range map[string]func([]byte) error{
		"json": func(b []byte) error {
			var g topology.Graph
			err := json.Unmarshal(b, &g)
			if len(g.Nodes) != len(topologytest.Bookinfo().Nodes) {
				err = errors.Join(err, errors.New("not the last picture"))
			}
			return err
		},
		"svg":  wellFormed,
		"html": wellFormed,
		"dot": func(b []byte) error {
			if !bytes.HasPrefix(b, []byte("digraph topology {")) {
				return errors.New("no digraph")
			}
			return nil
		},
	} {
		out, _, err := meshctl(t, t.Context(), t.TempDir(), "--once", "--replay", path, "-o", format)
		if err = errors.Join(err, check([]byte(out))); err != nil {
			t.Errorf("%s: %v", format, err)
		}
	}
}

func wellFormed(b []byte) error {
	for d := xml.NewDecoder(bytes.NewReader(b)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func TestUsage(t *testing.T) {
	path := recorded(t)
	for text, want := range map[string]string{
		"":                                      "needs a terminal",
		"-o svg":                                "-o is for --once",
		"--once -o xml":                         "unknown output format",
		"--once --window 1s":                    "use 10s to 30m",
		"--once --collapse pod":                 "use workload, service or namespace",
		"--once --labels speed":                 "use none, rate",
		"--once --filter err>>5":                "column 5",
		"--once --hide err>five":                "column 5",
		"--once --record x":                     "--record records a live dashboard",
		"--once --width -1":                     "use a number of cells",
		"control-plane --port 99999 --mesh-x":   "unknown flag",
		"envoy":                                 "accepts 1 arg",
		"--once --replay " + path + " surprise": "unknown command",
	} {
		_, _, err := meshctl(t, t.Context(), t.TempDir(), strings.Fields(text)...)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	_, _, err := meshctl(t, t.Context(), t.TempDir(), "--once", "--filter", "(")
	if exitcode.Of(err) != exitcode.Usage {
		t.Errorf("exit code %d", exitcode.Of(err))
	}
}

func TestSessionsThatCannotBeShown(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, []byte(`{"format":"meshctl-dashboard-session","version":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{empty: "has no pictures", "/nowhere": "no such file", os.DevNull: "not a recorded session"} {
		if _, _, err := meshctl(t, t.Context(), t.TempDir(), "--once", "--replay", path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// standalone writes the state of a mesh whose admin API is at a unix socket, and serves that.
func standalone(t *testing.T) (home string) {
	t.Helper()
	home = t.TempDir()
	root, err := meshstate.Root(home, "")
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(home, "admin.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, `{"instance":"here"}`) })}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close(); <-done })
	dir := meshstate.Dir(root, meshstate.DefaultMesh)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := meshstate.Save(dir, meshstate.MeshState{Mesh: meshstate.DefaultMesh, AdminAddress: "unix:" + socket}); err != nil {
		t.Fatal(err)
	}
	return home
}

func TestControlPlaneOnThisMachine(t *testing.T) {
	home := standalone(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out, in := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- command(ctx, home, in, io.Discard, "control-plane", "--no-browser") }()
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(strings.TrimSpace(url))
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(response.Body)
	response.Body.Close()
	if !strings.HasSuffix(strings.TrimSpace(url), "/v1/status") || !strings.Contains(string(text), "here") {
		t.Errorf("%s: %s", url, text)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("the end of forwarding is an error: %v", err)
	}
}

func TestABrowserThatIsMissingIsSaid(t *testing.T) {
	home := standalone(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out, in := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- command(ctx, home, io.Discard, in, "control-plane", "--browser", "/nowhere/browser") }()
	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.Contains(lines.Text(), "cannot open a browser") {
	}
	if !strings.Contains(lines.Text(), "--browser") {
		t.Errorf("%q", lines.Text())
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestAddonsAreForClusters(t *testing.T) {
	_, _, err := meshctl(t, t.Context(), standalone(t), "prometheus", "--no-browser")
	if err == nil || !strings.Contains(err.Error(), "name a cluster") {
		t.Error(err)
	}
}
