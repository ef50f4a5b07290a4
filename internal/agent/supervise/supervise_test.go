package supervise_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
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

	"go.uber.org/goleak"

	"github.com/meshctl/meshctl/internal/agent/supervise"
	"github.com/meshctl/meshctl/internal/envoytest"
)

const roleVariable = "SUPERVISE_TEST_ROLE"

func TestMain(m *testing.M) {
	if os.Getenv(roleVariable) == "parent" {
		_ = supervise.Run(context.Background(), supervise.Options{
			Path: "sleep", Args: func() []string { return []string{"1000"} },
			Started: func(pid int) { fmt.Println(pid) },
		})
	}
	goleak.VerifyTestMain(m)
}

func shell(script string) func() []string { return func() []string { return []string{"-c", script} } }

func TestRestartsWithPauses(t *testing.T) {
	var starts []time.Time
	ctx, cancel := context.WithCancel(t.Context())
	err := supervise.Run(ctx, supervise.Options{
		Path: "sh", Args: shell("exit 3"), First: 20 * time.Millisecond, Most: 50 * time.Millisecond,
		Started: func(int) {
			if starts = append(starts, time.Now()); len(starts) == 5 {
				cancel()
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, least := range []time.Duration{20, 40, 50, 50} {
		if got := starts[i+1].Sub(starts[i]); got < least*time.Millisecond {
			t.Errorf("pause %d was %s, want at least %d ms", i, got, least)
		}
	}
}

func TestStop(t *testing.T) {
	for name, script := range map[string]string{
		"obeys":          "trap 'exit 0' TERM; echo ready; while :; do sleep 0.01; done",
		"ignores":        "trap '' TERM; echo ready; while :; do sleep 0.01; done",
		"has a grandson": "sleep 1000 & trap 'exit 0' TERM; echo $!; wait",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ready, out := io.Pipe()
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			ended := make(chan error, 1)
			go func() {
				done <- supervise.Run(ctx, supervise.Options{
					Path: "sh", Args: shell(script), Stdout: out, StopTimeout: 200 * time.Millisecond,
					Exited: func(err error) { ended <- err },
				})
			}()
			line, err := bufio.NewReader(ready).ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			cancel()
			if err := <-done; err != nil {
				t.Errorf("Run = %v", err)
			}
			var exit *exec.ExitError
			if err := <-ended; name == "ignores" && (!errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL) {
				t.Errorf("ended with %v, want SIGKILL", err)
			}
			if pid, err := strconv.Atoi(strings.TrimSpace(line)); err == nil {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		})
	}
}

func TestNoSuchProgram(t *testing.T) {
	err := supervise.Run(t.Context(), supervise.Options{Path: filepath.Join(t.TempDir(), "envoy"), Args: func() []string { return nil }})
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Run = %v", err)
	}
}

// The process dies with its supervisor, however that dies.
func TestDiesWithParent(t *testing.T) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), roleVariable+"=parent")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Skip(err)
	}
	if err := cmd.Start(); err != nil {
		t.Skipf("needs Linux: %v", err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	envoytest.Eventually(t, "the end of the process", func() error { return gone(pid) })
}

// gone returns nil when the process ended; whoever inherited it may not have collected it yet.
func gone(pid int) error {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil || bytes.Contains(stat, []byte(") Z ")) {
		return nil
	}
	return fmt.Errorf("it is still there: %s", stat)
}

func TestWithParent(t *testing.T) {
	parent, pipe := io.Pipe()
	ctx := supervise.WithParent(t.Context(), parent)
	if ctx.Err() != nil {
		t.Error("ended before the parent")
	}
	pipe.Close()
	<-ctx.Done()
}
