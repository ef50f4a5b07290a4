// Package bundle holds what images are made of inside meshctl itself, so that one file installs a mesh without a download. A plain build
// holds nothing; a build with the tag "bundle" embeds what `make bundle` gathered, a folder for each platform.
package bundle

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// Part is one ingredient of images.
type Part string

// The parts. The first three are programs of this module.
const (
	Meshd        Part = "meshd"
	Agent        Part = "mesh-agent"
	Bookinfo     Part = "bookinfo"
	Envoy        Part = "envoy"
	Libc         Part = "libc"         // the shared objects that Envoy needs, with their loader
	Certificates Part = "certificates" // the public certificate authorities, which may be lacking
)

// Parts lists all of them.
func Parts() []Part { return []Part{Meshd, Agent, Bookinfo, Envoy, Libc, Certificates} }

// File is one file of an image.
type File struct {
	Path string      // in the image, without the first slash
	Mode fs.FileMode // permissions
	Size int64       // bytes
	Open func() (io.ReadCloser, error)
}

// ErrAbsent means that this build holds nothing for a platform.
var ErrAbsent = errors.New("this build of meshctl holds no binaries")

// Bundle is what a build holds for one platform.
type Bundle struct {
	dir     fs.FS
	entries []entry
}

// entry is a line of the index of a platform's folder.
type entry struct {
	Part   Part        `json:"part"`
	Path   string      `json:"path"`
	Mode   fs.FileMode `json:"mode"`
	Size   int64       `json:"size"`
	Stored string      `json:"stored"` // name of the compressed file
}

const index = "index.json"

// Open returns what this build holds for a platform such as "linux/amd64"; ErrAbsent when that is nothing.
func Open(platform string) (*Bundle, error) { return open(embedded(), platform) }

func open(root fs.FS, platform string) (*Bundle, error) {
	dir, err := fs.Sub(root, folder(platform))
	if err != nil {
		return nil, fmt.Errorf("platform %q: %w", platform, err)
	}
	data, err := fs.ReadFile(dir, index)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w for %s", ErrAbsent, platform)
	}
	if err != nil {
		return nil, err
	}
	b := &Bundle{dir: dir}
	if err := json.Unmarshal(data, &b.entries); err != nil {
		return nil, fmt.Errorf("the bundle for %s is damaged: %w", platform, err)
	}
	return b, nil
}

// Platforms lists the platforms that this build holds something for.
func Platforms() []string {
	found, err := fs.Glob(embedded(), "*/"+index)
	if err != nil {
		return nil // the pattern is right
	}
	for i, f := range found {
		found[i] = strings.Replace(path.Dir(f), "-", "/", 1)
	}
	return found
}

func folder(platform string) string { return strings.ReplaceAll(platform, "/", "-") }

// Files returns the files of a part, none when the bundle lacks it.
func (b *Bundle) Files(part Part) []File {
	var files []File
	for _, e := range b.entries {
		if e.Part == part {
			files = append(files, File{Path: e.Path, Mode: e.Mode, Size: e.Size, Open: func() (io.ReadCloser, error) { return b.read(e) }})
		}
	}
	return slices.Clip(files)
}

func (b *Bundle) read(e entry) (io.ReadCloser, error) {
	f, err := b.dir.Open(e.Stored)
	if err != nil {
		return nil, err
	}
	d, err := zstd.NewReader(f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return unpacked{d.IOReadCloser(), f}, nil
}

type unpacked struct {
	io.ReadCloser
	file io.Closer
}

func (u unpacked) Close() error { return errors.Join(u.ReadCloser.Close(), u.file.Close()) }
