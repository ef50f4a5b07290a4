package ca

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// fullDisk takes the first bytes of a write and fails as the kernel does when nothing is left.
type fullDisk struct{ *os.File }

func (f fullDisk) Write(p []byte) (int, error) {
	n, _ := f.File.Write(p[:len(p)/2])
	return n, &os.PathError{Op: "write", Path: f.Name(), Err: syscall.ENOSPC}
}

func (s *Store) fill() {
	s.create = func(dir, pattern string) (tempFile, error) {
		f, err := os.CreateTemp(dir, pattern)
		return fullDisk{f}, err
	}
}

func entries(t *testing.T, s *Store) []string {
	t.Helper()
	names, err := filepath.Glob(s.Path("*"))
	if err != nil {
		t.Fatal(err)
	}
	hidden, err := filepath.Glob(s.Path(".*"))
	if err != nil {
		t.Fatal(err)
	}
	return append(names, hidden...)
}

func TestStoreWrite(t *testing.T) {
	s := testStore(t)
	if _, err := s.Read("a"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("Read of nothing: %v", err)
	}
	for _, content := range []string{"one", "two"} {
		if err := s.Write("a", []byte(content)); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Read("a"); err != nil || string(got) != content {
			t.Fatalf("Read = %q, %v", got, err)
		}
	}
	info, err := os.Stat(s.Path("a"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("file mode %v, %v", info.Mode(), err)
	}
	if info, err := os.Stat(s.dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("directory mode %v, %v", info.Mode(), err)
	}
	if err := s.Create("a", []byte("three")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Create over a file: %v", err)
	}
	if got := entries(t, s); len(got) != 1 {
		t.Errorf("left behind: %v", got)
	}
}

func TestStoreFullDiskKeepsTheOld(t *testing.T) {
	s := testStore(t)
	if err := s.Write("a", []byte("old")); err != nil {
		t.Fatal(err)
	}
	s.fill()
	err := s.Write("a", []byte("new and longer"))
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), s.Path("a")) || !strings.Contains(err.Error(), "free some space") {
		t.Errorf("error: %v", err)
	}
	if got, err := s.Read("a"); err != nil || string(got) != "old" {
		t.Errorf("Read = %q, %v", got, err)
	}
	if got := entries(t, s); len(got) != 1 {
		t.Errorf("left behind: %v", got)
	}
}

func TestStoreRefusesOpenFiles(t *testing.T) {
	s := testStore(t)
	if err := os.WriteFile(s.Path("a"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(s.Path("a"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Read("a"); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("Read of a world-readable secret: %v", err)
	}
}

func TestOpenStoreUnderAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenStore(filepath.Join(path, "state")); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("error: %v", err)
	}
}

func TestFile(t *testing.T) {
	f := testStore(t).File("state.json")
	if data, err := f.Load(); data != nil || err != nil {
		t.Errorf("Load of nothing = %q, %v", data, err)
	}
	if err := f.Save([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if data, err := f.Load(); string(data) != "x" || err != nil {
		t.Errorf("Load = %q, %v", data, err)
	}
}
