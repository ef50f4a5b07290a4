package dir

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fsnotify/fsnotify"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

// watch knows the tree and which parts of it may have changed.
//
// Directories have two names here: that by which the user reaches them, and the real one, which alone the system's
// watcher sees: it knows a directory under one name only.
type watch struct {
	notify *fsnotify.Watcher
	roots  []string
	// parents leads from the real path of a root's name to the root: so it is seen when a root comes back.
	parents map[string]string
	// inside are the directories of the trees with their real paths; names is its inverse.
	inside map[string]string
	names  map[string][]string
	// links leads from the real directory that holds the target of a link to those links.
	links map[string][]string
	// pinned are watched for more reasons than being inside.
	pinned map[string]bool
	// trouble is what is wrong with the tree itself, by path; unwatched, with the watching.
	trouble, unwatched map[string]config.Problem

	dirty      map[string]bool
	everything bool
}

func newWatch(notify *fsnotify.Watcher, roots []string) *watch {
	w := &watch{
		notify: notify, roots: roots, parents: map[string]string{}, inside: map[string]string{}, names: map[string][]string{},
		links: map[string][]string{}, pinned: map[string]bool{}, trouble: map[string]config.Problem{},
		unwatched: map[string]config.Problem{}, dirty: map[string]bool{},
	}
	for _, root := range roots {
		abs, err := filepath.Abs(root)
		if err != nil || abs == filepath.Dir(abs) {
			continue
		}
		if parent := w.add(filepath.Dir(abs)); parent != "" {
			w.pinned[parent] = true
			w.parents[filepath.Join(parent, filepath.Base(abs))] = root
		}
	}
	return w
}

// add watches a directory and returns its real path. Watching it again does no harm.
func (w *watch) add(dir string) (real string) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return ""
	}
	if real, err = filepath.EvalSymlinks(abs); err != nil {
		return "" // reading it says so, better
	}
	err = w.notify.Add(real)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
		w.unwatched[real] = config.Problem{
			Position: config.Position{File: dir}, Severity: config.Warning, Code: codes.Unreadable,
			Message: "cannot be watched, changes in it go unseen: " + err.Error(), Fix: "raise fs.inotify.max_user_watches",
		}
	} else {
		delete(w.unwatched, real)
	}
	return real
}

// enter takes a directory of the tree in.
func (w *watch) enter(dir string) {
	if real := w.add(dir); real != "" {
		w.inside[dir] = real
		if !slices.Contains(w.names[real], dir) {
			w.names[real] = append(w.names[real], dir)
		}
	}
}

// leave drops a directory of the tree.
func (w *watch) leave(dir string) {
	real := w.inside[dir]
	delete(w.inside, dir)
	w.names[real] = slices.DeleteFunc(w.names[real], func(name string) bool { return name == dir })
	if len(w.names[real]) == 0 {
		delete(w.names, real)
		if !w.pinned[real] {
			_ = w.notify.Remove(real) // fails when the directory is gone, and the watch with it
		}
	}
}

// scanAll reads the whole tree.
func (w *watch) scanAll() map[string]os.FileInfo {
	s := newScan(w.enter)
	for _, root := range w.roots {
		s.path(root, true, nil)
	}
	w.adopt(s)
	return s.files
}

func (w *watch) adopt(s *scan) {
	for _, link := range s.links {
		target, err := filepath.EvalSymlinks(link)
		if err != nil {
			continue
		}
		if dir := w.add(filepath.Dir(target)); dir != "" && !slices.Contains(w.links[dir], link) {
			w.pinned[dir] = true
			w.links[dir] = append(w.links[dir], link)
		}
	}
	maps.Copy(w.trouble, s.trouble)
}

// note marks what an event may have changed; it reports whether that is anything of ours.
func (w *watch) note(e fsnotify.Event) bool {
	path := filepath.Clean(e.Name)
	dir, name := filepath.Dir(path), filepath.Base(path)
	var marked []string
	if root, ok := w.parents[path]; ok {
		marked = append(marked, root)
	}
	marked = append(marked, w.links[dir]...)
	for _, logical := range w.names[dir] {
		inner := filepath.Join(logical, name)
		switch {
		case strings.HasPrefix(name, ".."): // Kubernetes swaps ..data: every link through it now leads elsewhere
			marked = append(marked, logical)
		case strings.HasPrefix(name, "."):
		case isConfig(name) || w.inside[inner] != "" || w.trouble[inner] != (config.Problem{}) || isDirOrLink(inner):
			marked = append(marked, inner)
		}
	}
	for _, p := range marked {
		w.dirty[p] = true
	}
	return len(marked) > 0
}

func isDirOrLink(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && (info.IsDir() || info.Mode()&fs.ModeSymlink != 0)
}

// settle looks at everything marked and brings the layer up to date.
func (w *watch) settle(l *layer) {
	dirty := slices.Sorted(maps.Keys(w.dirty))
	if w.everything {
		dirty = w.roots
	}
	reread := w.everything
	w.dirty, w.everything = map[string]bool{}, false
	for i, path := range dirty {
		if i > 0 && below(path, dirty[i-1]) && !isConfig(filepath.Base(path)) {
			continue // was just looked at
		}
		w.look(l, path, reread)
	}
	l.setTrouble(w.problems())
}

// look compares one part of the tree with what is known of it.
func (w *watch) look(l *layer, path string, reread bool) {
	root := slices.Contains(w.roots, path)
	if _, err := os.Lstat(path); root && err != nil {
		w.trouble[path] = config.Problem{
			Position: config.Position{File: path}, Severity: config.Error, Code: codes.Unreadable,
			Message: "is gone; what was read before stays in use", Fix: "put it back",
		}
		return
	}
	for p := range w.trouble {
		if below(p, path) {
			delete(w.trouble, p)
		}
	}
	for dir := range w.inside {
		if below(dir, path) {
			w.leave(dir) // the name may mean another directory now
		}
	}
	s := newScan(w.enter)
	s.path(path, root, w.above(path))
	w.adopt(s)
	l.forget(func(file string) bool {
		if _, found := s.files[file]; found || !below(file, path) {
			return false
		}
		return !slices.ContainsFunc(s.unreadable, func(dir string) bool { return below(file, dir) })
	})
	_, single := s.files[path]
	for _, file := range l.read(s.files, reread || single) {
		w.dirty[file] = true
	}
}

// above returns the directories from the root down to path, which a link in path must not lead back to.
func (w *watch) above(path string) []os.FileInfo {
	var out []os.FileInfo
	for dir := filepath.Dir(path); w.inside[dir] != ""; dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err == nil {
			out = append(out, info)
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	return out
}

func (w *watch) problems() []config.Problem {
	var out []config.Problem
	for _, problems := range []map[string]config.Problem{w.trouble, w.unwatched} {
		for _, path := range slices.Sorted(maps.Keys(problems)) {
			out = append(out, problems[path])
		}
	}
	return out
}
