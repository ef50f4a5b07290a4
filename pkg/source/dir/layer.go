package dir

import (
	"maps"
	"os"
	"slices"
	"sort"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/meshctl/meshctl/pkg/config"
)

// file is a file as it was last read.
type file struct {
	path     string
	info     os.FileInfo
	readAt   time.Time
	sum      xxh3.Uint128
	readable bool
	// hollow is set when the file was found empty once: perhaps somebody is writing it just now.
	hollow bool
	// objects are in use: the good ones, and the last good version of the broken ones.
	objects  map[config.Key]*config.Object
	problems []config.Problem
}

// changedSince reports whether the file may have other content than when it was read.
func (f *file) changedSince(info os.FileInfo) bool {
	// Clocks of file systems tick slowly: a file written right before it was read may change again without a trace.
	const tick = 50 * time.Millisecond
	return !f.readable || !os.SameFile(f.info, info) || f.info.Size() != info.Size() ||
		!f.info.ModTime().Equal(info.ModTime()) || f.info.ModTime().After(f.readAt.Add(-tick))
}

// layer holds all files and what they say together.
type layer struct {
	decoder config.Decoder
	files   map[string]*file
	// claims lists, for each key, the files that have it, by path; see counting.
	claims map[config.Key][]string
	// contested are the keys with more than one claim.
	contested map[config.Key]bool
	trouble   []config.Problem

	emitted  map[config.Key]*config.Object
	affected map[config.Key]bool
	told     []config.Problem
}

func newLayer(d config.Decoder) *layer {
	return &layer{
		decoder: d, files: map[string]*file{}, claims: map[config.Key][]string{}, contested: map[config.Key]bool{},
		emitted: map[config.Key]*config.Object{}, affected: map[config.Key]bool{},
	}
}

func (l *layer) setTrouble(problems []config.Problem) { l.trouble = problems }

// read reads those of the files that are new or changed; all of them with reread. It returns those to read again soon.
func (l *layer) read(infos map[string]os.FileInfo, reread bool) (again []string) {
	var paths []string
	for path, info := range infos {
		if old := l.files[path]; reread || old == nil || old.changedSince(info) {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	for i, content := range readAll(l.decoder, paths, l.files) {
		if old := l.files[paths[i]]; content.same(old) {
			l.touch(old, infos[paths[i]])
			continue
		}
		next := content.file(paths[i], infos[paths[i]], l.files[paths[i]])
		if next.hollow {
			again = append(again, paths[i])
		}
		l.replace(paths[i], next)
	}
	return again
}

// forget drops the files that are gone.
func (l *layer) forget(gone func(path string) bool) {
	for path := range l.files {
		if gone(path) {
			l.replace(path, nil)
		}
	}
}

// replace puts a file (or nothing) in place of what was at the path.
func (l *layer) replace(path string, next *file) {
	if old := l.files[path]; old != nil {
		for key := range old.objects {
			l.unclaim(key, path)
		}
	}
	delete(l.files, path)
	if next == nil {
		return
	}
	l.files[path] = next
	for key := range next.objects {
		l.claim(key, path)
	}
}

func (l *layer) claim(key config.Key, path string) {
	l.affected[key] = true
	claims := l.claims[key]
	i := sort.SearchStrings(claims, path)
	l.claims[key] = slices.Insert(slices.Clone(claims), i, path)
	if len(claims) > 0 {
		l.contested[key] = true
	}
}

func (l *layer) unclaim(key config.Key, path string) {
	l.affected[key] = true
	claims := slices.DeleteFunc(slices.Clone(l.claims[key]), func(p string) bool { return p == path })
	l.claims[key] = claims
	if len(claims) < 2 {
		delete(l.contested, key)
	}
	if len(claims) == 0 {
		delete(l.claims, key)
	}
}

// touch notes a file's new attributes when its content is the same: its time decides between it and others with the same objects.
func (l *layer) touch(f *file, info os.FileInfo) {
	f.info = info
	for key := range f.objects {
		if l.contested[key] {
			l.affected[key] = true
		}
	}
}

// counting returns the file whose object counts: the one written last, as if the files had been applied one after the other, and of
// two written at once the lexically last, as for kubectl apply with a directory. Empty when no file has the key.
func (l *layer) counting(key config.Key) string {
	best := ""
	for _, path := range l.claims[key] {
		if best == "" || !l.files[path].info.ModTime().Before(l.files[best].info.ModTime()) {
			best = path
		}
	}
	return best
}

// object returns what a file says under key.
func (l *layer) object(path string, key config.Key) *config.Object { return l.files[path].objects[key] }

// batch returns what changed since the last batch, with all problems.
func (l *layer) batch() config.Batch {
	var b config.Batch
	for _, key := range slices.SortedFunc(maps.Keys(l.affected), config.Key.Compare) {
		var now *config.Object
		if path := l.counting(key); path != "" {
			now = l.object(path, key)
		}
		switch now {
		case l.emitted[key]:
		case nil:
			delete(l.emitted, key)
			b.Deletes = append(b.Deletes, key)
		default:
			l.emitted[key] = now
			b.Upserts = append(b.Upserts, now)
		}
	}
	l.affected = map[config.Key]bool{}
	b.Problems = l.problems()
	return b
}

// worthTelling reports whether a batch says anything new, and remembers that it was told.
func (l *layer) worthTelling(b config.Batch) bool {
	changed := len(b.Upserts)+len(b.Deletes) > 0 || !slices.Equal(l.told, b.Problems)
	l.told = b.Problems
	return changed
}

// problems lists everything wrong now, in the order of files and lines.
func (l *layer) problems() []config.Problem {
	out := slices.Clone(l.trouble)
	for _, f := range l.files {
		out = append(out, f.problems...)
	}
	for key := range l.contested {
		counts := l.counting(key)
		for _, path := range l.claims[key] {
			if path != counts {
				out = append(out, config.Duplicate(l.object(path, key), l.object(counts, key)))
			}
		}
	}
	slices.SortStableFunc(out, config.Problem.Compare)
	return out
}
