package mesh_test

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/meshctl/meshctl/internal/agent/supervise"
)

// home is a state directory of its own and the environment that names it.
type home struct {
	t     *testing.T
	state string
	bin   string
	env   []string
}

// newHome skips the test where no mesh can run, and fails it when its end finds a process of the state directory.
func newHome(t *testing.T) *home {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a whole mesh")
	}
	if runtime.GOOS != "linux" {
		t.Skip("looks for processes in /proc")
	}
	envoy, err := envoy()
	if err != nil {
		t.Skipf("no Envoy (`meshctl envoy --fetch` gets it): %v", err)
	}
	bin, err := built()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := root()
	if err != nil {
		t.Fatal(err)
	}
	state, err := os.MkdirTemp(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for pid, line := range processes(state) {
			t.Errorf("process %d is left: %s", pid, line)
		}
	})
	return &home{t: t, state: state, bin: bin, env: append(os.Environ(), "XDG_STATE_HOME="+state, "MESHCTL_ENVOY="+envoy, "MESHCTL_MESH=")}
}

// process is a meshctl in the background.
type process struct {
	name string
	cmd  *exec.Cmd
	done chan struct{}
	code int // once done

	mu    sync.Mutex
	lines []string
	more  chan struct{} // closes at the next line
}

// start runs meshctl; the test's end stops it if it still runs.
func (h *home) start(args ...string) *process {
	h.t.Helper()
	p := &process{name: "meshctl " + strings.Join(args, " "), cmd: exec.Command(h.bin, args...), done: make(chan struct{}), more: make(chan struct{})}
	p.cmd.Env = h.env
	p.cmd.SysProcAttr = supervise.DieWithParent()
	started := make(chan error, 1)
	go p.live(started)
	if err := <-started; err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { p.stop(h.t) })
	return p
}

// live keeps the thread that the process is a child of: with it the process would end, as it does when the test is killed.
func (p *process) live(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(p.done)
	out, err := p.cmd.StderrPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if started <- err; err != nil {
		return
	}
	for scanner := bufio.NewScanner(out); scanner.Scan(); {
		p.add(scanner.Text())
	}
	_ = p.cmd.Wait()
	p.code = p.cmd.ProcessState.ExitCode()
}

func (p *process) add(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines = append(p.lines, line)
	close(p.more)
	p.more = make(chan struct{})
}

// said is what it wrote to standard error so far.
func (p *process) said() string {
	text, _ := p.watch()
	return text
}

func (p *process) watch() (string, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines, "\n"), p.more
}

// says waits until it has written all the texts, and fails the test when it ends before.
func (p *process) says(t *testing.T, texts ...string) {
	t.Helper()
	deadline := time.NewTimer(2 * patience)
	defer deadline.Stop()
	for _, text := range texts {
		for {
			said, more := p.watch()
			if strings.Contains(said, text) {
				break
			}
			select {
			case <-more:
			case <-p.done:
				if said = p.said(); !strings.Contains(said, text) {
					t.Fatalf("%s ended without a word of %q:\n%s", p.name, text, said)
				}
			case <-deadline.C:
				t.Fatalf("%s does not say %q:\n%s", p.name, text, said)
			}
		}
	}
}

// wait returns the exit code.
func (p *process) wait(t *testing.T) int {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	select {
	case <-p.done:
	case <-deadline.C:
		_ = p.cmd.Process.Kill()
		<-p.done
		t.Fatalf("%s did not end:\n%s", p.name, p.said())
	}
	return p.code
}

// stop ends it as Ctrl-C does.
func (p *process) stop(t *testing.T) {
	t.Helper()
	select {
	case <-p.done:
	default:
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
	}
	p.wait(t)
	if t.Failed() {
		t.Logf("%s said:\n%s", p.name, p.said())
	}
}

// run runs meshctl to its end.
func (h *home) run(args ...string) (stdout, stderr string, code int) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, h.bin, args...)
	var out, errs strings.Builder
	cmd.Env, cmd.Stdout, cmd.Stderr = h.env, &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		h.t.Error(err)
		return "", "", -1
	}
	if ctx.Err() != nil {
		h.t.Errorf("meshctl %s hangs", strings.Join(args, " "))
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// logs is what the mesh's own processes wrote.
func (h *home) logs() string {
	var out strings.Builder
	files, _ := filepath.Glob(filepath.Join(h.state, "meshctl", "*", "logs", "*.log"))
	for _, file := range files {
		data, _ := os.ReadFile(file)
		out.WriteString("== " + filepath.Base(file) + "\n")
		for line := range strings.Lines(string(data[max(0, len(data)-20000):])) {
			if !strings.Contains(line, "gRPC config stream") {
				out.WriteString(line)
			}
		}
	}
	return out.String()
}

// eventually asks until there is no error, and returns how long that took.
func eventually(t *testing.T, what string, ask func() error) time.Duration {
	t.Helper()
	return within(t, patience, what, ask)
}

func within(t *testing.T, limit time.Duration, what string, ask func() error) time.Duration {
	t.Helper()
	began := time.Now()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := ask()
		if err == nil {
			return time.Since(began)
		}
		select {
		case <-ticker.C:
		case <-deadline.C:
			t.Fatalf("%s: still not after %s: %v", what, limit, err)
		}
	}
}

// pause waits for things to go wrong; there is no event for what does not happen.
func pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	<-timer.C
}
