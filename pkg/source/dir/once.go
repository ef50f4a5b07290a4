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
	for _, root := range New(o).options.Paths {
		if _, err := os.Lstat(root); errors.Is(err, fs.ErrNotExist) {
			s.report(root, config.Error, "does not exist", "")
		}
		s.path(root, true, nil)
	}
	var out config.Result
	for _, path := range slices.Sorted(maps.Keys(s.trouble)) {
		out.Problems = append(out.Problems, s.trouble[path])
	}
	paths := slices.SortedFunc(maps.Keys(s.files), func(a, b string) int { // as they count, see layer.counting
		return cmp.Or(s.files[a].ModTime().Compare(s.files[b].ModTime()), cmp.Compare(a, b))
	})
	for i, read := range readAll(o.Decoder, paths, nil) {
		if read.err != nil {
			out.Unidentified = true
			out.Problems = append(out.Problems, config.Problem{
				Position: config.Position{File: paths[i]}, Severity: config.Error, Code: codes.Unreadable, Message: "cannot be read: " + plain(read.err).Error(),
			})
			continue
		}
		out.Add(read.result)
	}
	return out
}
