package ca

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Store keeps small files with secrets in one directory (0700, files 0600). A write is atomic and durable: after a
// crash or on a full disk a file is the old one or the new one, never a part or nothing.
type Store struct {
	dir string
	// create makes the temporary file of a write; tests put a full disk here.
	create func(dir, pattern string) (tempFile, error)
}

type tempFile interface {
	io.WriteCloser
	Name() string
	Sync() error
}

// OpenStore returns the store in dir, which is created when missing.
func OpenStore(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("state directory %s: %w", dir, explain(err))
	}
	return &Store{dir: dir, create: func(dir, pattern string) (tempFile, error) { return os.CreateTemp(dir, pattern) }}, nil
}

// Path returns where name is kept.
func (s *Store) Path(name string) string { return filepath.Join(s.dir, name) }

// Read returns the file, or an error that is fs.ErrNotExist when there is none. A file that other users may read is
// refused: what was in it is no longer a secret.
func (s *Store) Read(name string) ([]byte, error) {
	path := s.Path(name)
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("%s can be read or changed by other users (mode %04o): if nobody did, run chmod 600 %s", path, mode, path)
	}
	return os.ReadFile(path)
}

// Write replaces the file.
func (s *Store) Write(name string, data []byte) error {
	return s.put(name, data, os.Rename)
}

// Create writes a file that must not exist yet; when somebody else was first, the error is fs.ErrExist and theirs stays.
func (s *Store) Create(name string, data []byte) error {
	return s.put(name, data, os.Link)
}

// put writes a temporary file and moves it in place.
func (s *Store) put(name string, data []byte, place func(from, to string) error) error {
	f, err := s.create(s.dir, "."+name+".*") // CreateTemp's mode is 0600
	if err != nil {
		return s.failed(name, err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // after a rename it is gone already
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return s.failed(name, err)
	}
	if err := place(f.Name(), s.Path(name)); err != nil {
		return s.failed(name, err)
	}
	dir, err := os.Open(s.dir)
	if err != nil {
		return s.failed(name, err)
	}
	defer func() { _ = dir.Close() }()
	if err := dir.Sync(); err != nil { // without it a crash may forget the new name
		return s.failed(name, err)
	}
	return nil
}

func (s *Store) failed(name string, err error) error {
	return fmt.Errorf("write %s: %w", s.Path(name), explain(err))
}

// explain adds what to do to the errors that an operator can mend.
func explain(err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("%w: free some space there, nothing that was stored before is lost", syscall.ENOSPC)
	case errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: choose a state directory that this user may write", err)
	}
	return err
}

// File is one file of the store, for those who keep a single state.
func (s *Store) File(name string) *File { return &File{store: s, name: name} }

// File saves and loads one file of a Store.
type File struct {
	store *Store
	name  string
}

// Save replaces the content.
func (f *File) Save(data []byte) error { return f.store.Write(f.name, data) }

// Load returns the content, nil when nothing was saved yet.
func (f *File) Load() ([]byte, error) {
	data, err := f.store.Read(f.name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}
