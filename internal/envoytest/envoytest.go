// Package envoytest runs a real Envoy in tests. Nothing in it sleeps: it polls with a deadline and fails the test with
// Envoy's own log.
package envoytest

import (
	"bytes"
	"context"
	"errors"
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
	"github.com/meshctl/meshctl/internal/envoybin"
)

// Timeout bounds every wait in this package.
const Timeout = 30 * time.Second

// Binary returns the path of Envoy: $MESHCTL_ENVOY, the one in PATH or the one in the user's cache directory. It skips the
// test when there is none.
func Binary(t testing.TB) string {
	t.Helper()
	options := envoybin.Options{Explicit: os.Getenv("MESHCTL_ENVOY")} //nolint:forbidigo // as the command line does
	if cache, err := os.UserCacheDir(); err == nil {
		options.CacheDir = envoybin.CacheDir(cache)
	}
	ctx, cancel := context.WithTimeout(context.Background(), Timeout)
	defer cancel()
	found, err := envoybin.Find(ctx, options)
	if err != nil {
		t.Skipf("no Envoy (`meshctl envoy` fetches it): %v", err)
	}
	return found.Path
}

// Validate fails the test unless `envoy --mode validate` accepts the bootstrap (JSON or YAML) and
// finds nothing deprecated in it.
func Validate(t testing.TB, bootstrap []byte) {
	t.Helper()
	out, err := exec.Command(Binary(t), "--mode", "validate", "-l", "warn", "-c", writeConfig(t, bootstrap)).CombinedOutput()
	if err != nil {
		t.Fatalf("envoy rejects the bootstrap: %v\n%s", err, out)
	}
	if bytes.Contains(out, []byte("Deprecated field")) {
		t.Errorf("the bootstrap has deprecated fields:\n%s", out)
	}
}

// Envoy is a running Envoy.
type Envoy struct {
	// Admin is host:port of its admin interface.
	Admin string

	cmd  *exec.Cmd
	done chan struct{}
	log  logBuffer
	err  error
}

// Start starts Envoy on a bootstrap whose admin address may have port 0, and returns once the admin interface listens. The
// test's end stops it.
func Start(t testing.TB, bootstrap []byte, args ...string) *Envoy {
	t.Helper()
	addressFile := filepath.Join(t.TempDir(), "admin")
	e := &Envoy{done: make(chan struct{})}
	e.cmd = exec.Command(Binary(t), append([]string{
		"-c", writeConfig(t, bootstrap), "--admin-address-path", addressFile,
		"--disable-hot-restart", "--concurrency", "1", "-l", "info",
	}, args...)...)
	e.cmd.Stdout, e.cmd.Stderr = &e.log, &e.log
	if err := e.start(); err != nil {
		t.Fatalf("start envoy: %v", err)
	}
	t.Cleanup(func() { e.Stop(t) })
	Eventually(t, "envoy's admin address", func() error {
		select {
		case <-e.done:
			t.Fatalf("envoy stopped: %v\n%s", e.err, e.log.String())
		default:
		}
		data, err := os.ReadFile(addressFile)
		if err == nil && len(data) == 0 {
			err = errors.New("empty " + addressFile)
		}
		e.Admin = strings.TrimSpace(string(data))
		return err
	})
	return e
}

// start makes Envoy a child of a thread that lives as long: with it ends Envoy, also when the test is killed.
func (e *Envoy) start() error {
	started := make(chan error, 1)
	go func() {
		defer close(e.done)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		e.cmd.SysProcAttr = supervise.DieWithParent()
		err := e.cmd.Start()
		started <- err
		if err == nil {
			e.err = e.cmd.Wait()
		}
	}()
	return <-started
}

// Stop ends Envoy and waits for it; it may be called again.
func (e *Envoy) Stop(t testing.TB) {
	t.Helper()
	_ = e.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-e.done:
	case <-time.After(Timeout):
		_ = e.cmd.Process.Kill()
		<-e.done
		t.Errorf("envoy did not stop on SIGTERM")
	}
	if t.Failed() {
		t.Logf("envoy's log:\n%s", e.log.String())
	}
}

// Log returns what Envoy wrote so far.
func (e *Envoy) Log() string { return e.log.String() }

// Pid of the process.
func (e *Envoy) Pid() int { return e.cmd.Process.Pid }

func writeConfig(t testing.TB, bootstrap []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bootstrap.yaml")
	if err := os.WriteFile(path, bootstrap, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
