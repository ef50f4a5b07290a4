package factory

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/source/dir"
)

// StandardInput stands for the name of a file in positions.
const StandardInput = "standard input"

// Snapshot resolves the mesh of files, which are read as Read does. What is wrong in them goes to standard error; of two
// objects with one key the later one counts.
func (f *Factory) Snapshot(paths []string, namespace string) (*mesh.Snapshot, error) {
	read, err := f.Read(paths, namespace)
	if err != nil {
		return nil, err
	}
	for _, p := range read.Problems {
		f.Say("%s: %v", p.Severity, p)
	}
	s := mesh.Build(config.Set{}.With(config.Batch{Full: true, Upserts: read.Objects}), mesh.Options{})
	for _, p := range s.Problems() {
		f.Say("%s: %v", p.Severity, p)
	}
	return s, nil
}

// Read reads files: YAML or JSON, directories with all that is in them (hidden files aside), patterns as the shell has them
// ("**" stands for any number of directories), "-" for standard input. namespace is that of objects that name none. What is wrong in a file,
// or that it cannot be read, is part of the result; the error is about paths that do not exist.
func (f *Factory) Read(paths []string, namespace string) (config.Result, error) {
	decoder := config.Decoder{DefaultNamespace: namespace}
	var all config.Result
	for _, path := range paths {
		if Streams(path) {
			all.Add(f.readStream(decoder, path))
		}
	}
	named, err := Expand(paths)
	if err != nil {
		return config.Result{}, err
	}
	all.Add(dir.ReadInOrder(decoder, named))
	return all, nil
}

// Expand returns the files and directories that paths stand for, without the streams among them. It fails for a path that does not exist
// and for a pattern that matches nothing.
func Expand(paths []string) ([]string, error) {
	var out []string
	for _, path := range paths {
		if Streams(path) {
			continue
		}
		found, err := expand(path)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, nil
}

// Streams reports whether a path stands for something that can be read once, from start to end: standard input, or what a
// shell puts in the place of <(command).
func Streams(path string) bool {
	return path == "-" || strings.HasPrefix(path, "/dev/fd/") || strings.HasPrefix(path, "/proc/self/fd/") || path == "/dev/stdin"
}

func (f *Factory) readStream(decoder config.Decoder, path string) config.Result {
	if path == "-" {
		return decoder.DecodeReader(StandardInput, f.IO.In)
	}
	file, err := os.Open(path)
	if err != nil {
		return config.Result{Unidentified: true, Problems: []config.Problem{{
			Position: config.Position{File: path}, Severity: config.Error, Code: codes.Unreadable, Message: "cannot be read: " + cause(err).Error(),
		}}}
	}
	defer file.Close()
	return decoder.DecodeReader(path, file)
}

// expand returns the paths that a path stands for: itself when it exists, else what it matches as a pattern.
func expand(path string) ([]string, error) {
	_, err := os.Lstat(path)
	if err == nil {
		return []string{path}, nil
	}
	if !strings.ContainsAny(path, "*?[{") {
		return nil, fmt.Errorf("%s: %w", path, cause(err))
	}
	found, err := doublestar.FilepathGlob(path, doublestar.WithNoHidden())
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, err)
	case len(found) == 0:
		return nil, fmt.Errorf("%s: no file matches the pattern", path)
	}
	return found, nil
}

// cause leaves out the path and the system call, which the message says otherwise.
func cause(err error) error {
	var failed *fs.PathError
	if errors.As(err, &failed) {
		return failed.Err
	}
	return err
}
