package dir

import (
	"cmp"
	"errors"
	"io/fs"
	"maps"
	"os"
	"slices"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

// Read reads files once, as a Source does at its start, and keeps everything that is said in them. Of two objects with one key, that
// in the file written last comes later.
func Read(o Options) config.Result {
	s := newScan(func(string) {})
	s.kept = ""
	for _, root := range New(o).options.Paths {
		s.root(root)
	}
	paths := slices.SortedFunc(maps.Keys(s.files), func(a, b string) int { // as they count, see layer.counting
		return cmp.Or(s.files[a].ModTime().Compare(s.files[b].ModTime()), cmp.Compare(a, b))
	})
	return decode(o.Decoder, paths, s.trouble)
}

// ReadInOrder reads paths once: directories recursively, and files of any name. A file that several paths lead to is read
// once. The result is in the order of the paths and, within a directory, of the files' names.
func ReadInOrder(d config.Decoder, paths []string) config.Result {
	var names []string
	trouble := map[string]config.Problem{}
	seen := seenFiles{infos: map[string]os.FileInfo{}}
	for _, path := range paths {
		s := newScan(func(string) {})
		s.kept = ""
		s.root(path)
		for _, name := range slices.Sorted(maps.Keys(s.files)) {
			if seen.add(name, s.files[name], slices.Contains(s.links, name)) {
				names = append(names, name)
			}
		}
		maps.Copy(trouble, s.trouble)
	}
	return decode(d, names, trouble)
}

// root looks at a path that somebody named.
func (s *scan) root(path string) {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		s.report(path, config.Error, "does not exist", "")
	}
	s.path(path, true, nil)
}

// decode reads files. What cannot be read is a Problem beside the trouble that is known already.
func decode(d config.Decoder, paths []string, trouble map[string]config.Problem) config.Result {
	var out config.Result
	for _, path := range slices.Sorted(maps.Keys(trouble)) {
		out.Problems = append(out.Problems, trouble[path])
	}
	for i, c := range readAll(d, paths, nil) {
		if c.err != nil {
			out.Unidentified = true
			out.Problems = append(out.Problems, config.Problem{
				Position: config.Position{File: paths[i]}, Severity: config.Error, Code: codes.Unreadable, Message: "cannot be read: " + plain(c.err).Error(),
			})
			continue
		}
		out.Add(c.result)
	}
	return out
}

// seenFiles are those that are to be read already. Only symbolic links lead to one file under two names.
type seenFiles struct {
	infos map[string]os.FileInfo
	links []os.FileInfo
}

func (s *seenFiles) add(name string, info os.FileInfo, link bool) bool {
	if s.infos[name] != nil {
		return false
	}
	same := func(other os.FileInfo) bool { return os.SameFile(other, info) }
	if slices.ContainsFunc(s.links, same) {
		return false
	}
	if link {
		for _, other := range s.infos {
			if same(other) {
				return false
			}
		}
		s.links = append(s.links, info)
	}
	s.infos[name] = info
	return true
}
