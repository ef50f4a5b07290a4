package agent_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/envoyproxy/go-control-plane/pkg/cache/types"

	"github.com/meshctl/meshctl/internal/agent"
	"github.com/meshctl/meshctl/internal/agent/agenttest"
	"github.com/meshctl/meshctl/internal/agentapi"
	"github.com/meshctl/meshctl/internal/envoytest"
)

// build compiles the real mesh-agent.
func build(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "mesh-agent")
	if out, err := exec.Command("go", "build", "-trimpath", "-tags", "grpcnotrace", "-ldflags", "-s -w", "-o", path, "github.com/meshctl/meshctl/cmd/mesh-agent").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

// process is a running mesh-agent with an Envoy that has one listener.
type process struct {
	cmd   *exec.Cmd
	state agent.State
	dir   string
	log   bytes.Buffer
}

func startProcess(t testing.TB, plane *agenttest.ControlPlane, args ...string) *process {
	t.Helper()
	p := &process{dir: t.TempDir()}
	p.cmd = exec.CommandContext(context.Background(), build(t), append([]string{
		"proxy", "sidecar", "--name", "reviews-v1", "--namespace", "default", "--service-account", "sa", "--labels", "app=reviews,version=v1",
		"--xds-address", plane.Address, "--root-file", plane.RootFile, "--token-file", plane.TokenFile,
		"--state-dir", p.dir, "--envoy", envoytest.Binary(t), "--concurrency", "1",
	}, args...)...)
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
		if t.Failed() {
			t.Log(p.log.String())
		}
	})
	p.until(t, "bindings", func(s agent.State) bool { return len(s.Bindings) > 0 })
	plane.Set(t, "1", []types.Resource{agenttest.HTTPListener("inbound", p.state.Bindings["inbound|9080"], "program", true)},
		[]types.Resource{agenttest.Cluster("program", 1)})
	p.until(t, "ready", func(s agent.State) bool { return s.Ready })
	return p
}

// until reads the state file, as a parent process would.
func (p *process) until(t testing.TB, what string, ok func(agent.State) bool) {
	t.Helper()
	envoytest.Eventually(t, what, func() error {
		data, err := os.ReadFile(filepath.Join(p.dir, agent.StateFile))
		if err != nil {
			return err
		}
		p.state = agent.State{}
		if err := json.Unmarshal(data, &p.state); err != nil {
			return err
		}
		if !ok(p.state) {
			return fmt.Errorf("state is %s", data)
		}
		return nil
	})
}

func gone(pid int) error {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil || bytes.Contains(stat, []byte(") Z ")) {
		return nil
	}
	return fmt.Errorf("it is still there: %s", stat)
}

func wantListener(t testing.TB) *agenttest.ControlPlane {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc")
	}
	plane := agenttest.Start(t)
	plane.Agents.Want("", &agentapi.Listen{Name: "inbound|9080", Port: 9080})
	return plane
}

// No Envoy outlives its agent, however that ends; and the exit code says whether it ended well.
func TestProcessEnds(t *testing.T) {
	plane := wantListener(t)
	for name, signal := range map[string]syscall.Signal{"SIGTERM": syscall.SIGTERM, "SIGKILL": syscall.SIGKILL} {
		t.Run(name, func(t *testing.T) {
			p := startProcess(t, plane)
			if err := p.cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			err := p.cmd.Wait()
			if signal == syscall.SIGTERM && err != nil {
				t.Errorf("mesh-agent: %v", err)
			}
			envoytest.Eventually(t, "the end of Envoy", func() error { return gone(p.state.EnvoyPID) })
		})
	}
}

// residentKiB of a process, by /proc.
func residentKiB(t testing.TB, pid int, field string) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			n, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")))
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("no %s in %s", field, status)
	return 0
}

// The agent runs thousands of times: its memory, after a life with metrics and a rotation, has a limit.
func TestMemory(t *testing.T) {
	plane := wantListener(t)
	p := startProcess(t, plane)
	for range 20 {
		if _, err := envoytest.Get(p.state.StatusAddress, "/stats/prometheus"); err != nil {
			t.Fatal(err)
		}
	}
	serial := p.state.Certificate.Serial
	plane.Agents.Rotate()
	p.until(t, "a rotation", func(s agent.State) bool { return s.Certificate.Serial != serial })
	pid := p.cmd.Process.Pid
	started := residentKiB(t, pid, "VmRSS")
	rss, anonymous := started, residentKiB(t, pid, "RssAnon")
	tick, deadline := time.NewTicker(100*time.Millisecond), time.After(20*time.Second)
	defer tick.Stop()
	for rss > started*3/4 { // until it has given back what the start took
		select {
		case <-tick.C:
			rss, anonymous = residentKiB(t, pid, "VmRSS"), residentKiB(t, pid, "RssAnon")
		case <-deadline:
			t.Fatalf("RSS %d KiB, %d KiB when it had started", rss, started)
		}
	}
	t.Logf("mesh-agent when it had started: RSS %d KiB", started)
	t.Logf("mesh-agent: RSS %d KiB, of which %d KiB are its own (the rest is the program file); Envoy: RSS %d KiB",
		rss, anonymous, residentKiB(t, p.state.EnvoyPID, "VmRSS"))
	if rss*1024 > 22e6 || anonymous*1024 > 10e6 {
		t.Errorf("RSS %d KiB, %d KiB its own: want at most 22 and 10 MB", rss, anonymous)
	}
}
