package factory

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
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

// Read reads files: YAML or JSON, directories with all that is in them (hidden files aside), "-" for standard input. namespace is that
// of objects that name none. What is wrong in a file is part of the result; the error is about files that cannot be read.
func (f *Factory) Read(paths []string, namespace string) (config.Result, error) {
	decoder := config.Decoder{DefaultNamespace: namespace}
	var all config.Result
	for _, path := range paths {
		err := f.eachFile(path, func(name string, r io.Reader) { all.Add(decoder.DecodeReader(name, r)) })
		if err != nil {
			return config.Result{}, err
		}
	}
	return all, nil
}

func (f *Factory) eachFile(path string, visit func(name string, r io.Reader)) error {
	if path == "-" {
		visit(StandardInput, f.IO.In)
		return nil
	}
	return filepath.WalkDir(path, func(at string, entry fs.DirEntry, err error) error {
		var failed *fs.PathError
		switch {
		case errors.As(err, &failed):
			return fmt.Errorf("%s: %w", failed.Path, failed.Err)
		case err != nil:
			return err
		case at != path && strings.HasPrefix(entry.Name(), "."):
			if entry.IsDir() {
				return filepath.SkipDir
			}
			return nil
		case entry.IsDir(), at != path && !isConfiguration(at):
			return nil
		}
		file, err := os.Open(at)
		if err != nil {
			return err
		}
		defer file.Close()
		visit(at, file)
		return nil
	})
}

func isConfiguration(name string) bool {
	switch filepath.Ext(name) {
	case ".yaml", ".yml", ".json":
		return true
	}
	return false
}
