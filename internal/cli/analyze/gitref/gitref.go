// Package gitref reads files as they are in a commit of a git repository, by the git program. The work tree is not touched.
package gitref

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// File is one file of a commit.
type File struct {
	// Name is "REF:PATH", as git writes it, with the path from the root of the repository.
	Name string
	Data []byte
}

// Read returns the files that paths lead to in a commit: files of any name, directories with all YAML and JSON that is in them and not
// hidden, patterns. What the commit does not have is left out. No more than limit bytes and one are read of a file. Symbolic links are
// followed within the commit. The order is that of the names. ctx bounds how long git may take.
func Read(ctx context.Context, ref string, paths []string, limit int) ([]File, error) {
	repositories := map[string]*repository{}
	var order []*repository
	where := map[string][2]string{}
	for _, path := range paths {
		dir, rest := split(path)
		at, known := where[dir]
		if !known {
			root, prefix, err := locate(ctx, dir)
			if err != nil {
				return nil, err
			}
			at = [2]string{root, prefix}
			where[dir] = at
		}
		r := repositories[at[0]]
		if r == nil {
			r = &repository{root: at[0]}
			repositories[r.root] = r
			order = append(order, r)
		}
		r.wanted = append(r.wanted, filepath.ToSlash(filepath.Join(at[1], rest)))
	}
	var out []File
	for _, r := range order {
		files, err := r.read(ctx, ref, limit)
		if err != nil {
			return nil, err
		}
		out = append(out, files...)
	}
	return out, nil
}

// split divides a path into a directory that exists and the rest.
func split(path string) (dir, rest string) {
	if _, err := os.Lstat(path); err != nil {
		dir, rest = doublestar.SplitPattern(filepath.ToSlash(path))
	} else if dir, rest = path, ""; !isDir(path) {
		dir, rest = filepath.Dir(path), filepath.Base(path)
	}
	for !isDir(dir) && dir != filepath.Dir(dir) {
		dir, rest = filepath.Dir(dir), filepath.Join(filepath.Base(dir), rest)
	}
	return dir, rest
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// locate returns the root of the repository that a directory is in, and the way from there.
func locate(ctx context.Context, dir string) (root, prefix string, err error) {
	out, err := git(ctx, dir, "rev-parse", "--show-toplevel", "--show-prefix")
	if err != nil {
		return "", "", fmt.Errorf("%s is in no work tree of a git repository: %w", dir, err)
	}
	root, prefix, _ = strings.Cut(string(out), "\n")
	return root, strings.TrimSuffix(prefix, "\n"), nil
}

type repository struct {
	root   string
	wanted []string // from the root; patterns too
}

func (r *repository) read(ctx context.Context, ref string, limit int) ([]File, error) {
	out, err := git(ctx, r.root, "rev-parse", "--verify", "--quiet", "--end-of-options", ref+"^{commit}")
	if err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		return nil, fmt.Errorf("the repository %s has no commit %q", r.root, ref)
	}
	commit := strings.TrimSpace(string(out))
	list, err := git(ctx, r.root, "ls-tree", "-r", "-z", "--name-only", "--full-tree", commit)
	if err != nil {
		return nil, err
	}
	var names []string
	for name := range strings.SplitSeq(string(list), "\x00") {
		if name != "" && !strings.Contains(name, "\n") && r.wants(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return r.contents(ctx, ref, commit, names, limit)
}

func (r *repository) wants(name string) bool {
	return slices.ContainsFunc(r.wanted, func(path string) bool {
		if path == "." || path == "" {
			return isConfig(name)
		}
		if name == path {
			return true
		}
		if rest, below := strings.CutPrefix(name, path+"/"); below {
			return isConfig(rest)
		}
		return strings.ContainsAny(path, "*?[{") && matches(path, name)
	})
}

// matches reports whether a pattern stands for a file, or for a directory that it is in.
func matches(pattern, name string) bool {
	if ok, err := doublestar.Match(pattern, name); err == nil && ok {
		return !hidden(name)
	}
	for i, c := range name {
		if c != '/' {
			continue
		}
		if ok, err := doublestar.Match(pattern, name[:i]); err == nil && ok {
			return isConfig(name)
		}
	}
	return false
}

func isConfig(name string) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".yaml", ".yml", ".json":
		return !hidden(name)
	}
	return false
}

func hidden(name string) bool { return strings.HasPrefix(name, ".") || strings.Contains(name, "/.") }

// git runs git in a directory and returns what it writes.
func git(ctx context.Context, dir string, args ...string) ([]byte, error) {
	cmd := command(ctx, dir, args...)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	return out, explain(ctx, err, complaint.String())
}

func command(ctx context.Context, dir string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0")
	return cmd
}

func explain(ctx context.Context, err error, complaint string) error {
	switch complaint, _, _ = strings.Cut(strings.TrimSpace(complaint), "\n"); {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("git did not end in time: %w", ctx.Err())
	case errors.Is(err, exec.ErrNotFound):
		return errors.New("git is not installed")
	case complaint != "":
		return errors.New(complaint)
	}
	return err
}
