package dir

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

// maxDepth bounds how deep a tree is read.
const maxDepth = 32

// scan is what one look at a part of the tree finds.
type scan struct {
	files map[string]os.FileInfo
	// links are symbolic links to files: their targets may change elsewhere.
	links []string
	// unreadable are paths whose content is unknown: what was known there and below stays.
	unreadable []string
	trouble    map[string]config.Problem
	// enter is called before a directory is listed, so that nothing made in between is missed.
	enter func(dir string)
	// kept is added to the message of a directory that cannot be listed: what becomes of what was in it.
	kept string
}

func newScan(enter func(string)) *scan {
	return &scan{
		files: map[string]os.FileInfo{}, trouble: map[string]config.Problem{}, enter: enter,
		kept: "; what was read before stays in use",
	}
}

// isConfig reports whether a name in a directory is that of a configuration file. What editors leave behind (.a.yaml.swp,
// a.yaml~, #a.yaml#, 4913) is not.
func isConfig(name string) bool {
	if strings.HasPrefix(name, ".") {
		return false
	}
	switch strings.ToLower(filepath.Ext(name)) {
	case ".yaml", ".yml", ".json":
		return true
	default:
		return false
	}
}

func (s *scan) report(path string, severity config.Severity, message, fix string) {
	s.trouble[path] = config.Problem{Position: config.Position{File: path}, Severity: severity, Code: codes.Unreadable, Message: message, Fix: fix}
}

// path looks at a path that may be anything; wanted is set when it is to be read whatever its name. above are the
// directories that lead to it.
func (s *scan) path(path string, wanted bool, above []os.FileInfo) {
	linked, err := os.Lstat(path)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			s.unreadable = append(s.unreadable, path)
			s.report(path, config.Error, "cannot be read: "+plain(err).Error(), "")
		}
		return
	}
	wanted = wanted || isConfig(filepath.Base(path))
	info := linked
	if linked.Mode()&fs.ModeSymlink != 0 {
		if info, err = os.Stat(path); err != nil {
			if wanted {
				s.unreadable = append(s.unreadable, path)
				s.report(path, config.Error, "the symbolic link leads nowhere: "+plain(err).Error(), "")
			}
			return
		}
		if wanted && !info.IsDir() {
			s.links = append(s.links, path)
		}
	}
	switch {
	case info.IsDir():
		s.dir(path, info, above)
	case !wanted:
	case info.Mode().IsRegular():
		s.files[path] = info
	default:
		s.report(path, config.Warning, "is not a regular file: left out", "")
	}
}

func (s *scan) dir(path string, info os.FileInfo, above []os.FileInfo) {
	if slices.ContainsFunc(above, func(a os.FileInfo) bool { return os.SameFile(a, info) }) {
		s.report(path, config.Warning, "the symbolic link leads back to a directory above it: left out", "remove the link")
		return
	}
	if len(above) >= maxDepth {
		s.report(path, config.Warning, "directories nest too deeply: left out", "")
		return
	}
	s.enter(path)
	entries, err := os.ReadDir(path)
	if err != nil {
		s.unreadable = append(s.unreadable, path)
		s.report(path, config.Error, "cannot be read: "+plain(err).Error()+s.kept, "")
		return
	}
	above = append(slices.Clip(above), info)
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") {
			continue
		}
		if isConfig(name) || e.IsDir() || e.Type()&fs.ModeSymlink != 0 {
			s.path(filepath.Join(path, name), false, above)
		}
	}
}

// below reports whether path is dir or lies in it.
func below(path, dir string) bool {
	return path == dir || dir == "." && !filepath.IsAbs(path) || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}
