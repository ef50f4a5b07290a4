package standalone

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/meshctl/meshctl/internal/meshstate"
)

func TestOptionsAreChecked(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		o    Options
		want string
	}{
		"mesh name":    {Options{Name: "A b", ConfigDirs: []string{dir}}, "mesh name"},
		"no directory": {Options{}, "no directory of configuration"},
		"missing":      {Options{ConfigDirs: []string{filepath.Join(dir, "none")}}, "no such file or directory"},
		"a file":       {Options{ConfigDirs: []string{file}}, "is not a directory"},
	} {
		c.o.Dir = filepath.Join(dir, "state")
		if _, err := Start(t.Context(), c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "state")); err == nil {
		t.Error("a refused start left a state directory")
	}
	if _, err := Start(t.Context(), Options{Dir: filepath.Join(file, "state"), ConfigDirs: []string{dir}}); err == nil || !strings.Contains(err.Error(), "state directory") {
		t.Errorf("state below a file: %v", err)
	}
}

// A control plane that cannot start is an error with its own words, not a restart without end.
func TestControlPlaneThatDoesNotStart(t *testing.T) {
	for name, c := range map[string]struct {
		meshd []string
		want  string
	}{
		"fails":      {[]string{"/bin/sh", "-c", "echo starting >&2; echo 'error: disk on fire' >&2; exit 1"}, "did not start: disk on fire"},
		"is silent":  {[]string{"/bin/sh", "-c", "exit 3"}, "exit status 3"},
		"is missing": {[]string{"/nonexistent/meshd"}, "no such file"},
		"hangs":      {[]string{"/bin/sh", "-c", "exec tail -f /dev/null"}, "not ready within"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			_, err := Start(t.Context(), Options{
				Dir: filepath.Join(dir, "state"), ConfigDirs: []string{dir}, Programs: Programs{Meshd: c.meshd}, ReadyTimeout: 500 * time.Millisecond,
			})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if _, running, err := Running(filepath.Join(dir, "state")); running || err != nil {
				t.Errorf("the lock is still held: %v", err)
			}
		})
	}
}

// fakePlane stands for meshd: it says where it is, and lives.
var fakePlane = []string{"/bin/sh", "-c", `while [ "$1" != --ready-file ]; do shift; done
echo '{"xdsAddress":"127.0.0.1:1","adminAddress":"127.0.0.1:2"}' > "$2.new"; mv "$2.new" "$2"; exec tail -f /dev/null`, "meshd"}

func TestStateOfARunningMesh(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	config := t.TempDir()
	// A mesh that died left this.
	if err := meshstate.Save(dir, meshstate.MeshState{Mesh: "old", PID: 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := GetStatus(t.Context(), dir); !errors.Is(err, meshstate.ErrNotFound) {
		t.Errorf("status of a dead mesh: %v", err)
	}
	if err := Down(t.Context(), dir); !errors.Is(err, meshstate.ErrNotFound) {
		t.Errorf("down of a dead mesh: %v", err)
	}
	o := Options{
		Dir: dir, ConfigDirs: []string{config}, Programs: Programs{Meshd: fakePlane},
		Base: fstest.MapFS{"sub/a.yaml": {Data: []byte("kind: A\n")}},
	}
	m, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	state, err := meshstate.Load(dir)
	if err != nil || state.PID != os.Getpid() || state.XDSAddress != "127.0.0.1:1" || state.AdminAddress != "127.0.0.1:2" ||
		len(state.ConfigDirs) != 2 || state.ConfigDirs[0] != m.Layout().Base() || state.ConfigDirs[1] != config {
		t.Errorf("state: %+v, %v", state, err)
	}
	if data, err := os.ReadFile(filepath.Join(m.Layout().Base(), "sub/a.yaml")); err != nil || string(data) != "kind: A\n" {
		t.Errorf("base layer: %q, %v", data, err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("mode of the state directory: %v, %v", info.Mode(), err)
	}
	var held *HeldError
	if _, err := Start(t.Context(), o); !errors.As(err, &held) || held.Holder.PID != os.Getpid() {
		t.Errorf("a second start: %v", err)
	}
	s, err := GetStatus(t.Context(), dir)
	if err != nil || s.ControlPlane.Healthy || s.ControlPlane.Error == "" || s.Synced {
		t.Errorf("status with a silent control plane: %+v, %v", s, err)
	}
	if err := m.SetIngressURLs([]string{"http://127.0.0.1:3"}); err != nil || m.State().IngressURLs[0] != "http://127.0.0.1:3" {
		t.Errorf("ingress: %v", err)
	}
	if err := m.Stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	if _, err := meshstate.Load(dir); !errors.Is(err, meshstate.ErrNotFound) {
		t.Errorf("state after the end: %v", err)
	}
}

func TestStartIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := t.TempDir()
	_, err := Start(ctx, Options{Dir: filepath.Join(dir, "state"), ConfigDirs: []string{dir}, Programs: Programs{Meshd: []string{"/bin/sh", "-c", "exec tail -f /dev/null"}}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
