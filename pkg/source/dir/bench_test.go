package dir

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/fsnotify/fsnotify"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/source/sourcetest"
)

// BenchmarkOneChangedFile is what a change costs among 1,500 files, without the quiet period.
func BenchmarkOneChangedFile(b *testing.B) {
	root := b.TempDir()
	const files = 1500
	path := func(i int) string { return filepath.Join(root, fmt.Sprintf("ns%d/%d.yaml", i%20, i)) }
	for i := range files {
		writeFile(b, path(i), sourcetest.Service(fmt.Sprintf("s%d", i), 1))
	}
	w, l := watchOnce(b, root)
	if n := len(l.emitted); n != files {
		b.Fatalf("%d objects", n)
	}
	port := 1
	for b.Loop() {
		port++
		writeFile(b, path(7), sourcetest.Service("s7", port))
		w.note(fsnotify.Event{Name: path(7), Op: fsnotify.Write})
		w.settle(l)
		if n := len(l.batch().Upserts); n != 1 {
			b.Fatalf("%d objects", n)
		}
	}
}

// BenchmarkFirstRead is what the first look at 1,500 files costs.
func BenchmarkFirstRead(b *testing.B) {
	root := b.TempDir()
	for i := range 1500 {
		writeFile(b, filepath.Join(root, fmt.Sprintf("ns%d/%d.yaml", i%20, i)), sourcetest.Service(fmt.Sprintf("s%d", i), 1))
	}
	for b.Loop() {
		notify, err := fsnotify.NewWatcher()
		if err != nil {
			b.Fatal(err)
		}
		w, l := newWatch(notify, []string{root}), newLayer(config.Decoder{})
		l.read(w.scanAll(), true)
		l.batch()
		_ = notify.Close()
	}
}
