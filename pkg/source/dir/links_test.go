package dir

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/meshctl/meshctl/pkg/source/sourcetest"
)

// mounted writes a directory as the kubelet mounts a ConfigMap: the files are links through ..data, which is swapped.
func mounted(t *testing.T, root, version, text string) {
	t.Helper()
	write(t, filepath.Join(root, version, "a.yaml"), text)
	do(t, os.Symlink(version, filepath.Join(root, "..data_tmp")))
	do(t, os.Rename(filepath.Join(root, "..data_tmp"), filepath.Join(root, "..data")))
}

func TestAMountedConfigMapIsSwapped(t *testing.T) {
	root := t.TempDir()
	mounted(t, root, "..2024_01", sourcetest.Service("a", 1))
	do(t, os.Symlink("..data/a.yaml", filepath.Join(root, "a.yaml")))
	r := sourcetest.Record(t, fast(root))
	if r.Next(); !has(r, "a")() || len(r.Problems) != 0 {
		t.Fatalf("got %v, %v", r.Set.Keys(), r.Problems)
	}
	for _, version := range []string{"2", "3", "4"} {
		mounted(t, root, "..2024_0"+version, sourcetest.Service("v"+version, 1))
		do(t, os.RemoveAll(filepath.Join(root, "..2024_0"+string(version[0]-1))))
		r.Until("the next version is there", has(r, "v"+version))
	}
}

func TestTheTargetOfALinkChanges(t *testing.T) {
	root, outside := t.TempDir(), t.TempDir()
	target := filepath.Join(outside, "real.txt")
	write(t, target, sourcetest.Service("a", 1))
	do(t, os.Symlink(target, filepath.Join(root, "a.yaml")))
	r := sourcetest.Record(t, fast(root))
	r.Next()
	write(t, target, sourcetest.Service("b", 1))
	r.Until("b is there", has(r, "b"))
}

func TestALinkedDirectoryIsSwitched(t *testing.T) {
	root, outside := t.TempDir(), t.TempDir()
	write(t, filepath.Join(outside, "v1/a.yaml"), sourcetest.Service("a", 1))
	write(t, filepath.Join(outside, "v2/b.yaml"), sourcetest.Service("b", 1))
	current := filepath.Join(root, "current")
	do(t, os.Symlink(filepath.Join(outside, "v1"), current))
	r := sourcetest.Record(t, fast(root))
	r.Next()
	write(t, filepath.Join(outside, "v1/c.yaml"), sourcetest.Service("c", 1))
	r.Until("c is there", has(r, "a", "c"))
	do(t, os.Symlink(filepath.Join(outside, "v2"), current+".new"))
	do(t, os.Rename(current+".new", current))
	r.Until("the other version is there", has(r, "b"))
	write(t, filepath.Join(outside, "v2/d.yaml"), sourcetest.Service("d", 1))
	r.Until("and followed", has(r, "b", "d"))
}

func TestWhatIsNoFileIsLeftOut(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "good.yaml"), sourcetest.Service("good", 1))
	do(t, syscall.Mkfifo(filepath.Join(root, "pipe.yaml"), 0o600))
	do(t, os.Symlink("nowhere", filepath.Join(root, "dangling.yaml")))
	do(t, os.Symlink("round.yaml", filepath.Join(root, "round.yaml")))
	write(t, filepath.Join(root, "deep/er/x.yaml"), sourcetest.Service("deeper", 1))
	do(t, os.Symlink("../..", filepath.Join(root, "deep/er/up")))
	r := sourcetest.Record(t, fast(root))
	if r.Next(); !has(r, "good", "deeper")() {
		t.Errorf("got %v", r.Set.Keys())
	}
	for _, want := range []string{"pipe.yaml: is not a regular file", "dangling.yaml: the symbolic link leads nowhere", "round.yaml: the symbolic link leads nowhere", "up: the symbolic link leads back"} {
		if !mentions(r, want)() {
			t.Errorf("nothing says %q in %v", want, r.Problems)
		}
	}
	if len(r.Problems) != 4 {
		t.Errorf("problems: %v", r.Problems)
	}
	for _, name := range []string{"pipe.yaml", "dangling.yaml", "round.yaml", "deep/er/up"} {
		do(t, os.Remove(filepath.Join(root, name)))
	}
	r.Until("no problem is left", func() bool { return len(r.Problems) == 0 })
}
