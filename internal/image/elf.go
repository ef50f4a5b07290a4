package image

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/meshctl/meshctl/internal/bundle"
)

// machines are ELF's names of the architectures that Go names.
var machines = map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}

// triplets are the directories of libraries on Debian and its like.
var triplets = map[string]string{"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}

// resolving are objects that glibc opens by name when a program first looks up a host. Newer versions hold them within.
var resolving = []string{"libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2"}

// object is what the head of an ELF file says.
type object struct {
	machine elf.Machine
	loader  string   // path of the ELF interpreter; empty for a static program
	needs   []string // names of shared objects
}

func readObject(path string) (object, error) {
	f, err := elf.Open(path)
	if err != nil {
		var format *elf.FormatError
		if errors.As(err, &format) || errors.Is(err, io.EOF) {
			return object{}, fmt.Errorf("%s is not a program for Linux", path)
		}
		return object{}, err
	}
	defer func() { _ = f.Close() }() // read only
	o := object{machine: f.Machine}
	if o.needs, err = f.ImportedLibraries(); err != nil {
		return object{}, fmt.Errorf("%s: %w", path, err)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			name, err := io.ReadAll(io.LimitReader(p.Open(), 4096))
			if err != nil {
				return object{}, fmt.Errorf("%s: %w", path, err)
			}
			o.loader = string(bytes.TrimRight(name, "\x00"))
		}
	}
	return o, nil
}

// libraries finds below root the loader of a program and every shared object that it needs, and those need. They keep the place where
// they are found, for that is where their loader looks.
func libraries(root, program, arch string) ([]bundle.File, error) {
	o, err := readObject(program)
	if err != nil || o.loader == "" {
		return nil, err
	}
	loader, err := library(root, o.loader, arch)
	if err != nil {
		return nil, fmt.Errorf("the loader of %s: %w", program, err)
	}
	found := []bundle.File{loader}
	have := []string{path.Base(o.loader)}
	for todo := append(slices.Clone(o.needs), resolving...); len(todo) > 0; todo = todo[1:] {
		name := todo[0]
		if slices.Contains(have, name) {
			continue
		}
		have = append(have, name)
		file, err := search(root, name, o.loader, arch)
		if errors.Is(err, fs.ErrNotExist) && slices.Contains(resolving, name) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s needs %s: %w", program, name, err)
		}
		found = append(found, file)
		needed, err := readObject(filepath.Join(root, filepath.FromSlash(file.Path)))
		if err != nil {
			return nil, err
		}
		todo = append(todo, needed.needs...)
	}
	return found, nil
}

// search looks where the loaders of the distributions look without a cache of their own.
func search(root, name, loader, arch string) (bundle.File, error) {
	dirs := []string{"/lib/" + triplets[arch], "/usr/lib/" + triplets[arch], "/lib64", "/usr/lib64", "/lib", "/usr/lib", path.Dir(loader)}
	for _, dir := range dirs {
		f, err := library(root, path.Join(dir, name), arch)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
	}
	return bundle.File{}, fmt.Errorf("%w in %s", fs.ErrNotExist, strings.Join(dirs, ", "))
}

func library(root, name, arch string) (bundle.File, error) {
	at := filepath.Join(root, filepath.FromSlash(name))
	if _, err := os.Stat(at); err != nil {
		return bundle.File{}, err
	}
	o, err := readObject(at)
	if err != nil {
		return bundle.File{}, err
	}
	if o.machine != machines[arch] {
		return bundle.File{}, fmt.Errorf("%w: %s is of another architecture", fs.ErrNotExist, at)
	}
	return onDisk(at, name, 0o755)
}

// onDisk is a file of this machine that is to be at path in the image.
func onDisk(at, path string, mode fs.FileMode) (bundle.File, error) {
	info, err := os.Stat(at)
	if err != nil {
		return bundle.File{}, err
	}
	return bundle.File{
		Path: strings.TrimPrefix(path, "/"), Mode: mode, Size: info.Size(),
		Open: func() (io.ReadCloser, error) { return os.Open(at) },
	}, nil
}
