package meshstate_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meshctl/meshctl/internal/meshstate"
)

func TestSaveLoadListRemove(t *testing.T) {
	root := filepath.Join(t.TempDir(), "state")
	var want []meshstate.MeshState
	for _, name := range []string{"blue", "default"} {
		s := meshstate.MeshState{
			Mesh: name, PID: 7, StartedAt: time.Unix(1e9, 0).UTC(), AdminAddress: "127.0.0.1:1", XDSAddress: "127.0.0.1:2",
			ConfigDirs: []string{"/etc/mesh"},
		}
		if err := meshstate.Save(meshstate.Dir(root, name), s); err != nil {
			t.Fatal(err)
		}
		want = append(want, s)
	}
	got, err := meshstate.List(root)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	info, err := os.Stat(filepath.Join(root, "blue", "mesh.json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	for range 2 {
		if err := meshstate.Remove(meshstate.Dir(root, "blue")); err != nil {
			t.Error(err)
		}
	}
	if _, err := meshstate.Load(meshstate.Dir(root, "blue")); !errors.Is(err, meshstate.ErrNotFound) {
		t.Errorf("after Remove: %v", err)
	}
}

func TestDamagedStateIsReportedAndHidesNoOther(t *testing.T) {
	root := t.TempDir()
	if err := meshstate.Save(meshstate.Dir(root, "good"), meshstate.MeshState{Mesh: "good"}); err != nil {
		t.Fatal(err)
	}
	if err := meshstate.WriteFile(filepath.Join(root, "bad", "mesh.json"), []byte("{")); err != nil {
		t.Fatal(err)
	}
	got, err := meshstate.List(root)
	if len(got) != 1 || err == nil || !strings.Contains(err.Error(), "bad") {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := meshstate.List(filepath.Join(root, "none")); len(got) != 0 || err != nil {
		t.Errorf("missing root: %v, %v", got, err)
	}
}

func TestRoot(t *testing.T) {
	for _, c := range []struct{ home, xdg, want string }{
		{"/home/ann", "", "/home/ann/.local/state/meshctl"},
		{"/home/ann", "relative", "/home/ann/.local/state/meshctl"},
		{"", "/state", "/state/meshctl"},
		{"", "", ""},
	} {
		if got, err := meshstate.Root(c.home, c.xdg); got != c.want || (err != nil) != (c.want == "") {
			t.Errorf("Root(%q, %q) = %q, %v", c.home, c.xdg, got, err)
		}
	}
}

func TestValidName(t *testing.T) {
	for name, ok := range map[string]bool{"default": true, "a": true, "a.b-1": true, "": false, "..": false, "a/b": false, "A": false, "-a": false} {
		if err := meshstate.ValidName(name); (err == nil) != ok {
			t.Errorf("ValidName(%q) = %v", name, err)
		}
	}
}

func TestFailedWriteLeavesTheOldFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	if err := os.Mkdir(path, 0o700); err != nil { // a directory in the way makes the rename fail
		t.Fatal(err)
	}
	if err := meshstate.WriteFile(path, []byte("x")); err == nil {
		t.Error("no error")
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}
