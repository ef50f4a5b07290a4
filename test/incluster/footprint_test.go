package incluster_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/meshctl/meshctl/internal/cli/meshd"
	"github.com/meshctl/meshctl/pkg/install/render"
	"github.com/meshctl/meshctl/pkg/install/values"
	"github.com/meshctl/meshctl/test/cluster"
)

var programs = flag.String("meshd", "", "programs to measure instead of one that is built, separated by commas")

// mostIdle is what docs/performance.md promises of an idle meshd, in MB.
const mostIdle = 60

// TestFootprintIdle measures meshd, as it is released, beside an installed mesh without workloads.
func TestFootprintIdle(t *testing.T) {
	if testing.Short() {
		t.Skip("links meshd")
	}
	c, err := cluster.Start(t.Context(), t.TempDir(), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop()
	kubeconfig, err := c.Kubeconfig(t.TempDir(), "admin", time.Time{}, "system:masters")
	if err != nil {
		t.Fatal(err)
	}
	installed(t, c)
	paths := strings.Split(*programs, ",")
	if *programs == "" {
		paths = []string{filepath.Join(t.TempDir(), "meshd")}
		build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-trimpath", "-tags", "grpcnotrace", "-ldflags", "-s -w", "-o", paths[0], "../../cmd/meshd")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	for _, path := range paths {
		file, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		rss, anonymous := idle(t, path, kubeconfig)
		t.Logf("%s: file %.1f MB, RSS %.1f MB, of that anonymous %.1f MB", path, float64(file.Size())/1e6, rss, anonymous)
		if rss > mostIdle && *programs == "" {
			t.Errorf("an idle meshd takes %.1f MB, more than %d", rss, mostIdle)
		}
	}
}

// installed applies what `meshctl install --profile demo` does.
func installed(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	v, _, err := values.Load(values.Options{Profile: "demo"})
	if err != nil {
		t.Fatal(err)
	}
	components, err := render.Render(v)
	if err != nil {
		t.Fatal(err)
	}
	stream := bytes.NewBufferString("apiVersion: v1\nkind: Namespace\nmetadata: {name: istio-system}\n")
	for _, component := range components {
		for _, o := range component.Objects {
			if o.GetKind() == "Namespace" {
				continue
			}
			text, err := yaml.Marshal(o)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(stream, "---\n%s", text)
		}
	}
	if err := c.Apply(t.Context(), stream.Bytes()); err != nil {
		t.Fatal(err)
	}
}

// idle returns what a meshd takes, in MB, when it leads and nothing has changed for a while.
func idle(t *testing.T, path, kubeconfig string) (rss, anonymous float64) {
	t.Helper()
	readyFile := filepath.Join(t.TempDir(), "ready")
	var log bytes.Buffer
	cmd := exec.CommandContext(t.Context(), path, "--kubernetes", "--kubeconfig", kubeconfig, "--instance", "measured", "--ready-file", readyFile, "--drain", "0s",
		"--xds-address", "127.0.0.1:0", "--webhook-address", "127.0.0.1:0", "--monitoring-address", "127.0.0.1:0", "--admin-address", "127.0.0.1:0")
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v\n%s", err, log.String())
		}
	}()
	var ready meshd.Ready
	eventually(t, "meshd writes into the cluster", func() error {
		data, err := os.ReadFile(readyFile)
		if err == nil {
			err = json.Unmarshal(data, &ready)
		}
		text, asked := (&replica{monitoring: ready.Monitoring}).get("/metrics")
		if err = cmp.Or(err, asked); err == nil && !strings.Contains(text, "\npilot_leader 1\n") {
			err = fmt.Errorf("it does not lead")
		}
		return err
	})
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for same, all := 0, 0; same < 50 && all < 200; same, all = same+1, all+1 { // the same for 5 s, or whatever it is after 20
		<-tick.C
		now, anon := resident(t, cmd.Process.Pid, "VmRSS"), resident(t, cmd.Process.Pid, "RssAnon")
		if now != rss || anon != anonymous {
			rss, anonymous, same = now, anon, 0
		}
	}
	return rss, anonymous
}

// resident reads a number of MB (10^6 bytes) from a process' status.
func resident(t *testing.T, pid int, field string) float64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if f := strings.Fields(line); f[0] == field+":" {
			kib, err := strconv.Atoi(f[1])
			if err != nil {
				t.Fatal(err)
			}
			return float64(kib) * 1024 / 1e6
		}
	}
	t.Fatalf("no %s", field)
	return 0
}
