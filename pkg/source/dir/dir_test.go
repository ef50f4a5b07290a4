package dir

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/goleak"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/source/sourcetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fast is a source without patience, for tests that do not look at the delays.
func fast(paths ...string) *Source {
	return New(Options{Paths: paths, Quiet: time.Millisecond, MaxDelay: 5 * time.Millisecond})
}

func write(t *testing.T, path, text string) { writeFile(t, path, text) }

func writeFile(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func do(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func has(r *sourcetest.Recorder, names ...string) func() bool {
	return func() bool {
		for _, name := range names {
			if r.Set.Get(sourcetest.Key(name)) == nil {
				return false
			}
		}
		return r.Set.Len(config.Service) == len(names)
	}
}

func mentions(r *sourcetest.Recorder, text string) func() bool {
	return func() bool {
		for _, p := range r.Problems {
			if strings.Contains(p.Error(), text) {
				return true
			}
		}
		return false
	}
}

func TestConformance(t *testing.T) {
	for name, put := range map[string]func(*testing.T, string, string){
		"written in place": write,
		"renamed into place": func(t *testing.T, path, text string) {
			temporary := filepath.Join(filepath.Dir(path), ".new-"+filepath.Base(path))
			write(t, temporary, text)
			do(t, os.Rename(temporary, path))
		},
	} {
		t.Run(name, func(t *testing.T) {
			sourcetest.Run(t, func(t *testing.T) sourcetest.Fixture {
				root := t.TempDir()
				return sourcetest.Fixture{
					Source: fast(root),
					Put:    func(name, text string) { put(t, filepath.Join(root, name), text) },
					Remove: func(name string) { do(t, os.Remove(filepath.Join(root, name))) },
				}
			})
		})
	}
}

func TestSubdirectoriesComeMoveAndGo(t *testing.T) {
	root := t.TempDir()
	r := sourcetest.Record(t, fast(root))
	r.Next()
	write(t, filepath.Join(root, "a/b/c/one.yaml"), sourcetest.Service("one", 1))
	write(t, filepath.Join(root, "a/two.json"), `{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "two"}}`)
	write(t, filepath.Join(root, ".git/hidden.yaml"), sourcetest.Service("hidden", 1))
	r.Until("both are there", has(r, "one", "two"))
	do(t, os.Rename(filepath.Join(root, "a/b"), filepath.Join(root, "moved")))
	write(t, filepath.Join(root, "moved/c/three.yml"), sourcetest.Service("three", 1))
	r.Until("three is there", has(r, "one", "two", "three"))
	if at := r.Set.Get(sourcetest.Key("one")).Position().File; at != filepath.Join(root, "moved/c/one.yaml") {
		t.Errorf("one is still at %s", at)
	}
	outside := t.TempDir()
	do(t, os.Rename(filepath.Join(root, "moved"), filepath.Join(outside, "moved")))
	r.Until("what moved away is gone", has(r, "two"))
	write(t, filepath.Join(outside, "moved/c/one.yaml"), sourcetest.Service("ghost", 1))
	do(t, os.RemoveAll(filepath.Join(root, "a")))
	r.Until("all is gone", has(r))
}

func TestABrokenFileKeepsItsLastGoodVersion(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, "f.yaml")
	three := sourcetest.Service("a", 1) + "---\n" + sourcetest.Service("b", 1) + "---\n" + sourcetest.Service("c", 1)
	write(t, path, three)
	r := sourcetest.Record(t, fast(root))
	r.Next()
	// b is broken with a name, c is gone, a has another port.
	write(t, path, sourcetest.Service("a", 2)+"---\n"+strings.Replace(sourcetest.Service("b", 1), "port: 1", "port: 1%", 1))
	r.Until("b is reported", mentions(r, "f.yaml:9:23: Service/default/b: spec.ports[0].port: must be a whole number without %, not \"1%\"; its last good version stays in use"))
	if !has(r, "a", "b")() {
		t.Errorf("there are %v", r.Set.Keys())
	}
	// A document that no longer says what it is: everything the file had stays.
	write(t, path, "apiVersion: [\n---\n"+sourcetest.Service("d", 1))
	r.Until("d is there", has(r, "a", "b", "d"))
	write(t, path, sourcetest.Service("d", 1))
	r.Until("only d is left", has(r, "d"))
	if len(r.Problems) != 0 {
		t.Errorf("problems: %v", r.Problems)
	}
}

func TestAnUnreadableFileKeepsItsObjects(t *testing.T) {
	const unreadable = "/proc/self/mem" // a regular file that even root cannot read at its start
	if _, err := os.Stat(unreadable); err != nil {
		t.Skip("needs " + unreadable)
	}
	root := t.TempDir()
	path := filepath.Join(root, "f.yaml")
	write(t, path, sourcetest.Service("a", 1))
	r := sourcetest.Record(t, fast(root))
	r.Next()
	for _, target := range []string{unreadable, "nowhere"} {
		link := filepath.Join(root, ".link")
		do(t, os.Symlink(target, link))
		do(t, os.Rename(link, path))
		what := map[string]string{unreadable: "cannot be read", "nowhere": "leads nowhere"}[target]
		r.Until(what, mentions(r, what))
		if !has(r, "a")() {
			t.Errorf("%s: the object is gone", target)
		}
	}
	do(t, os.Remove(path))
	r.Until("it is gone", has(r))
	if len(r.Problems) != 0 {
		t.Errorf("problems: %v", r.Problems)
	}
}

// As with kubectl apply, what was written last counts: also in a file, and after a touch.
func TestDuplicatesInOneLayer(t *testing.T) {
	root := t.TempDir()
	a, b := filepath.Join(root, "a.yaml"), filepath.Join(root, "b.yaml")
	began := time.Now().Add(-time.Hour)
	written := func(path string, minute int) {
		at := began.Add(time.Duration(minute) * time.Minute)
		do(t, os.Chtimes(path, at, at))
	}
	write(t, b, sourcetest.Service("x", 2)+"---\n"+sourcetest.Service("x", 3))
	written(b, 1)
	r := sourcetest.Record(t, fast(root))
	counts := func(at string, problems ...string) func() bool {
		return func() bool {
			if o := r.Set.Get(sourcetest.Key("x")); o == nil || o.Position().String() != at || len(r.Problems) != len(problems) {
				return false
			}
			for i, want := range problems {
				if !strings.HasPrefix(r.Problems[i].Error(), want) {
					return false
				}
			}
			return true
		}
	}
	twice := func(at, counts string) string {
		return at + ": Service/default/x: is defined twice; the one at " + counts + " counts"
	}
	inFile := twice(b+":1:1", b+":6:1")
	r.Until("the last of a file counts", counts(b+":6:1", inFile))
	write(t, a, sourcetest.Service("x", 1))
	written(a, 2)
	r.Until("the newer file counts", counts(a+":1:1", inFile, twice(b+":6:1", a+":1:1")))
	written(b, 3)
	r.Until("a touched file counts", counts(b+":6:1", twice(a+":1:1", b+":6:1"), inFile))
	written(a, 3)
	r.Until("of two files of one time the lexically last counts", counts(b+":6:1", twice(a+":1:1", b+":6:1"), inFile))
	do(t, os.Remove(b))
	r.Until("what is left counts", counts(a+":1:1"))
}

func TestEditorsAndOtherFilesAreIgnored(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "a.yaml"), sourcetest.Service("a", 1))
	for _, name := range []string{".a.yaml.swp", "a.yaml~", "#a.yaml#", "4913", ".#a.yaml", "README.md", ".hidden.yaml", "a.yaml.bak", "a.yaml.swp"} {
		write(t, filepath.Join(root, name), sourcetest.Service("wrong", 1))
	}
	r := sourcetest.Record(t, fast(root))
	if r.Next(); !has(r, "a")() || len(r.Problems) != 0 {
		t.Errorf("got %v, %v", r.Set.Keys(), r.Problems)
	}
	// As vim writes: the old file becomes the backup, the new one gets its name.
	do(t, os.Rename(filepath.Join(root, "a.yaml"), filepath.Join(root, "a.yaml~")))
	write(t, filepath.Join(root, "a.yaml"), sourcetest.Service("b", 1))
	do(t, os.Remove(filepath.Join(root, "a.yaml~")))
	r.Until("b is there", has(r, "b"))
}

func TestPositionsFollowTheText(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, "a.yaml")
	write(t, path, sourcetest.Service("a", 1)+"---\n"+sourcetest.Service("b", 1))
	r := sourcetest.Record(t, fast(root))
	r.Next()
	before := *r.Set.Get(sourcetest.Key("b"))
	write(t, path, sourcetest.Service("a", 1)+"---\n\n"+sourcetest.Service("b", 1))
	r.Until("b has moved down", func() bool { return r.Set.Get(sourcetest.Key("b")).Position().Line == 7 })
	if len(r.Last.Upserts) != 1 || r.Last.Upserts[0].Digest != before.Digest {
		t.Errorf("came as %v", r.Last)
	}
}

func TestSingleFilesAndMissingPaths(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, "mesh.conf")
	err := fast(path).Run(t.Context(), func(config.Batch) { t.Error("emitted") })
	if err == nil || !strings.Contains(err.Error(), path+": no such file or directory") {
		t.Errorf("got %v", err)
	}
	write(t, path, sourcetest.Service("a", 1))
	r := sourcetest.Record(t, fast(path))
	r.Next()
	write(t, filepath.Join(root, "other.yaml"), sourcetest.Service("other", 1))
	write(t, path, sourcetest.Service("b", 1))
	r.Until("b is there", has(r, "b"))
	do(t, os.Remove(path))
	r.Until("the loss is reported", mentions(r, "is gone"))
	if !has(r, "b")() {
		t.Error("the objects of a lost path are gone")
	}
	write(t, path, sourcetest.Service("c", 1))
	r.Until("c is there", func() bool { return has(r, "c")() && len(r.Problems) == 0 })
}

func TestARootIsReplaced(t *testing.T) {
	outer := t.TempDir()
	root := filepath.Join(outer, "conf")
	write(t, filepath.Join(root, "sub/a.yaml"), sourcetest.Service("a", 1))
	r := sourcetest.Record(t, fast(root))
	r.Next()
	do(t, os.Rename(root, root+".old"))
	r.Until("the loss is reported", mentions(r, "is gone"))
	write(t, filepath.Join(outer, "next/sub/b.yaml"), sourcetest.Service("b", 1))
	do(t, os.Rename(filepath.Join(outer, "next"), root))
	r.Until("the new one is read", func() bool { return has(r, "b")() && len(r.Problems) == 0 })
	write(t, filepath.Join(root, "sub/c.yaml"), sourcetest.Service("c", 1))
	r.Until("and followed", has(r, "b", "c"))
}

func TestRelativePaths(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "sub/a.yaml", sourcetest.Service("a", 1))
	r := sourcetest.Record(t, fast(".", "sub"))
	if r.Next(); len(r.Problems) != 0 || r.Set.Get(sourcetest.Key("a")).Position().File != "sub/a.yaml" {
		t.Errorf("got %v, %v", r.Set.Get(sourcetest.Key("a")), r.Problems)
	}
	write(t, "sub/b.yaml", sourcetest.Service("b", 1))
	write(t, "c.yaml", sourcetest.Service("c", 1))
	r.Until("all are there", has(r, "a", "b", "c"))
}

func TestOverflowReadsEverythingAgain(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, "a.yaml")
	write(t, path, sourcetest.Service("a", 1))
	src := fast(root)
	watchers := make(chan *fsnotify.Watcher, 1)
	src.newWatcher = func() (*fsnotify.Watcher, error) {
		w, err := fsnotify.NewWatcher()
		watchers <- w
		return w, err
	}
	r := sourcetest.Record(t, src)
	r.Next()
	w := <-watchers
	for _, dir := range w.WatchList() {
		do(t, w.Remove(dir)) // as if its events were lost
	}
	write(t, path, sourcetest.Service("b", 1))
	w.Errors <- fsnotify.ErrEventOverflow
	r.Until("b is there", has(r, "b"))
	write(t, path, sourcetest.Service("c", 1))
	r.Until("it is watched again", has(r, "c"))
}

func TestABurstIsOneBatch(t *testing.T) {
	root := t.TempDir()
	asked := make(chan chan time.Time, 10_000)
	var longest time.Duration
	const quiet, most = 20 * time.Millisecond, 200 * time.Millisecond
	src := New(Options{Paths: []string{root}, Quiet: quiet, MaxDelay: most, After: func(d time.Duration) <-chan time.Time {
		c := make(chan time.Time, 1)
		if longest = max(longest, d); d == quiet {
			asked <- c
		}
		return c
	}})
	r := sourcetest.Record(t, src)
	r.Next()
	const files = 40
	for i := range files {
		write(t, filepath.Join(root, fmt.Sprintf("%d.yaml", i)), sourcetest.Service(fmt.Sprintf("s%d", i), 1))
	}
	var last chan time.Time
	for range files { // each file makes at least one event, and each event asks for quiet anew
		last = <-asked
	}
	for more := true; more; {
		select {
		case last = <-asked:
		case <-time.After(50 * time.Millisecond):
			more = false
		}
	}
	last <- time.Time{}
	if b := r.Next(); len(b.Upserts) != files {
		t.Errorf("the burst came with %d objects", len(b.Upserts))
	}
	if longest != most {
		t.Errorf("a burst may last %s", longest)
	}
}

func TestAnEmptyFileMayBeHalfWritten(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, "a.yaml")
	write(t, path, sourcetest.Service("a", 1))
	w, l := watchOnce(t, root)
	look := func() config.Batch {
		w.note(fsnotify.Event{Name: path, Op: fsnotify.Write})
		w.settle(l)
		return l.batch()
	}
	write(t, path, "")
	if b := look(); len(b.Deletes) != 0 || !w.dirty[path] {
		t.Errorf("the first look at an empty file: %v, to be looked at again: %v", b, w.dirty)
	}
	write(t, path, sourcetest.Service("a", 2))
	if b := look(); len(b.Upserts) != 1 || len(b.Deletes) != 0 {
		t.Errorf("after the write: %v", b)
	}
	write(t, path, "")
	look()
	if b := look(); len(b.Deletes) != 1 || len(w.dirty) != 0 {
		t.Errorf("a file that stays empty: %v", b)
	}
}

// watchOnce reads a tree without following it.
func watchOnce(t testing.TB, root string) (*watch, *layer) {
	t.Helper()
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = notify.Close() })
	w, l := newWatch(notify, []string{root}), newLayer(config.Decoder{})
	l.read(w.scanAll(), true)
	l.batch()
	return w, l
}
