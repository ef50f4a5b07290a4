package standalone

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/meshctl/meshctl/internal/envoybin"
)

// patience is how long anything may take on a busy machine.
const patience = 60 * time.Second

// buildOnce builds the three programs into a directory that removeBinaries removes.
var buildOnce = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "meshctl-bin-")
	if err != nil {
		return "", err
	}
	cmd := exec.Command("go", "build", "-buildvcs=false", "-o", dir+"/", "./cmd/...")
	cmd.Dir, cmd.Env = "../..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return dir, fmt.Errorf("go build: %w\n%s", err, out)
	}
	return dir, nil
})

var built bool

func removeBinaries() {
	if built {
		dir, _ := buildOnce()
		_ = os.RemoveAll(dir)
	}
}

// rig runs meshctl as a user would, with a state directory of its own.
type rig struct {
	t          *testing.T
	bin, state string
	env        []string
}

func newRig(t *testing.T) *rig {
	t.Helper()
	if testing.Short() {
		t.Skip("runs a mesh of real processes")
	}
	if runtime.GOOS != "linux" {
		t.Skip("looks for processes in /proc")
	}
	cache, _ := os.UserCacheDir()
	envoy, err := envoybin.Find(t.Context(), envoybin.Options{Explicit: os.Getenv("MESHCTL_ENVOY"), CacheDir: envoybin.CacheDir(cache)})
	if err != nil {
		t.Skipf("no Envoy: %v", err)
	}
	built = true
	bin, err := buildOnce()
	if err != nil {
		t.Fatal(err)
	}
	state, err := os.MkdirTemp("", "mesh-") // a short name: sockets are in it
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, bin: bin, state: state}
	r.env = append(os.Environ(), "XDG_STATE_HOME="+state, "MESHCTL_ENVOY="+envoy.Path)
	t.Cleanup(func() {
		r.noProcess()
		_ = os.RemoveAll(state)
	})
	return r
}

func (r *rig) dir() string { return filepath.Join(r.state, "meshctl", "default") }

// program runs one of the programs of TestMain.
func program(name string, args ...string) []string {
	return append([]string{"env", helper + "=" + name, os.Args[0]}, args...)
}

// process is a meshctl that runs.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	ended  chan struct{}
	stdout bytes.Buffer // complete when ended

	mu    sync.Mutex
	lines []string // of standard error
	more  chan struct{}
}

// start runs meshctl in the background; the test's end kills it.
func (r *rig) start(args ...string) *process {
	r.t.Helper()
	p := &process{t: r.t, cmd: exec.Command(filepath.Join(r.bin, "meshctl"), args...), ended: make(chan struct{}), more: make(chan struct{})}
	p.cmd.Env, p.cmd.Stdout = r.env, &p.stdout
	p.cmd.WaitDelay = 5 * time.Second
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		for scanner := bufio.NewScanner(stderr); scanner.Scan(); {
			p.mu.Lock()
			p.lines = append(p.lines, scanner.Text())
			close(p.more)
			p.more = make(chan struct{})
			p.mu.Unlock()
		}
		_ = p.cmd.Wait()
	}()
	r.t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
		if r.t.Failed() {
			r.t.Logf("meshctl %s:\n%s", strings.Join(args, " "), p.said())
		}
	})
	return p
}

func (p *process) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines, "\n")
}

// until waits for a line on standard error and returns it.
func (p *process) until(part string) string {
	p.t.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for {
		p.mu.Lock()
		lines, more := p.lines, p.more
		p.mu.Unlock()
		for _, line := range lines {
			if strings.Contains(line, part) {
				return line
			}
		}
		select {
		case <-more:
		case <-p.ended:
			if !strings.Contains(p.said(), part) {
				p.t.Fatalf("ended without saying %q", part)
			}
		case <-limit.C:
			p.t.Fatalf("did not say %q in time", part)
		}
	}
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// wait returns the exit code.
func (p *process) wait() int {
	p.t.Helper()
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		p.t.Fatalf("%v did not end", p.cmd.Args)
		return -1
	}
}

// run runs meshctl to its end.
func (r *rig) run(args ...string) (stdout, stderr string, code int) {
	r.t.Helper()
	p := r.start(args...)
	code = p.wait()
	return p.stdout.String(), p.said(), code
}

// status is what `meshctl standalone status -o json` says.
func (r *rig) status() Status {
	r.t.Helper()
	out, said, code := r.run("standalone", "status", "-o", "json")
	var s Status
	if err := json.Unmarshal([]byte(out), &s); code != 0 || err != nil {
		r.t.Fatalf("status: exit code %d, %v\n%s%s", code, err, out, said)
	}
	return s
}

// eventually asks until the answer is yes.
func eventually(t *testing.T, what string, within time.Duration, yes func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for !yes() {
		select {
		case <-ctx.Done():
			t.Fatalf("%s: not within %s", what, within)
		case <-ticker.C:
		}
	}
	return time.Since(began)
}

// processes lists those that have the rig's state directory in their environment or arguments.
func (r *rig) processes() []string {
	var out []string
	found, _ := filepath.Glob("/proc/[0-9]*")
	for _, p := range found {
		environ, _ := os.ReadFile(filepath.Join(p, "environ"))
		cmdline, _ := os.ReadFile(filepath.Join(p, "cmdline"))
		if bytes.Contains(environ, []byte(r.state)) || bytes.Contains(cmdline, []byte(r.state)) {
			out = append(out, filepath.Base(p)+" "+string(bytes.ReplaceAll(cmdline, []byte{0}, []byte{' '})))
		}
	}
	return out
}

// noProcess fails when a process of the mesh is left; the kernel may need a moment to take them all.
func (r *rig) noProcess() {
	r.t.Helper()
	limit := time.Now().Add(5 * time.Second)
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		left := r.processes()
		if len(left) == 0 {
			return
		}
		if time.Now().After(limit) {
			r.t.Errorf("processes left:\n%s", strings.Join(left, "\n"))
			return
		}
		<-ticker.C
	}
}
