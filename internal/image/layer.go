package image

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/zstd"

	"github.com/meshctl/meshctl/internal/bundle"
)

// Compression is how layers are stored. It changes an image's digest, never its ID.
type Compression string

// The compressions. Without one an archive is larger and imported several times faster.
const (
	None Compression = "none"
	Gzip Compression = "gzip"
	Zstd Compression = "zstd"
)

// Compressions lists them.
func Compressions() []Compression { return []Compression{None, Gzip, Zstd} }

// layer is a v1.Layer that is written anew each time it is read, since Envoy's has more than 100 MB.
type layer struct {
	files          []bundle.File
	compression    Compression
	digest, diffID v1.Hash
	size           int64
}

func newLayer(files []bundle.File, c Compression) (*layer, error) {
	files = slices.Clone(files)
	slices.SortFunc(files, func(a, b bundle.File) int { return strings.Compare(a.Path, b.Path) })
	l := &layer{files: files, compression: c}
	plain, stored := sha256.New(), &counter{Hash: sha256.New()}
	if err := l.write(stored, plain); err != nil {
		return nil, err
	}
	l.diffID, l.digest, l.size = sum(plain), sum(stored), stored.n
	return l, nil
}

type counter struct {
	hash.Hash
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return c.Hash.Write(p)
}

func sum(h hash.Hash) v1.Hash {
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(h.Sum(nil))}
}

// write writes the layer in its compression to w and, when that is wanted, without it to plain.
func (l *layer) write(w, plain io.Writer) error {
	if plain == nil {
		plain = io.Discard
	}
	switch l.compression {
	case Gzip:
		z, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
		if err != nil {
			return err
		}
		if err := writeTar(io.MultiWriter(z, plain), l.files); err != nil {
			return err
		}
		return z.Close()
	case Zstd:
		z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
		if err != nil {
			return err
		}
		if err := writeTar(io.MultiWriter(z, plain), l.files); err != nil {
			_ = z.Close()
			return err
		}
		return z.Close()
	default:
		return writeTar(io.MultiWriter(w, plain), l.files)
	}
}

func (l *layer) read(write func(io.Writer) error) io.ReadCloser {
	r, w := io.Pipe()
	go func() { w.CloseWithError(write(w)) }() // ends when the reader closes its end
	return r
}

func (l *layer) Digest() (v1.Hash, error) { return l.digest, nil }
func (l *layer) DiffID() (v1.Hash, error) { return l.diffID, nil }
func (l *layer) Size() (int64, error)     { return l.size, nil }

func (l *layer) Compressed() (io.ReadCloser, error) {
	return l.read(func(w io.Writer) error { return l.write(w, nil) }), nil
}

func (l *layer) Uncompressed() (io.ReadCloser, error) {
	return l.read(func(w io.Writer) error { return writeTar(w, l.files) }), nil
}

func (l *layer) MediaType() (types.MediaType, error) {
	switch l.compression {
	case Gzip:
		return types.OCILayer, nil
	case Zstd:
		return types.OCILayerZStd, nil
	default:
		return types.OCIUncompressedLayer, nil
	}
}

// writeTar writes files, which are sorted, and the directories above them: owned by root, of the year 1970.
func writeTar(w io.Writer, files []bundle.File) error {
	t := tar.NewWriter(w)
	made := map[string]bool{}
	for _, f := range files {
		if err := makeDirs(t, path.Dir(f.Path), made); err != nil {
			return err
		}
		if f.Mode.IsDir() {
			if err := t.WriteHeader(header(tar.TypeDir, f.Path+"/", permissions(f.Mode), 0)); err != nil {
				return err
			}
			made[f.Path] = true
			continue
		}
		if err := writeFile(t, f); err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
	}
	return t.Close()
}

func makeDirs(t *tar.Writer, dir string, made map[string]bool) error {
	if dir == "." || made[dir] {
		return nil
	}
	if err := makeDirs(t, path.Dir(dir), made); err != nil {
		return err
	}
	made[dir] = true
	return t.WriteHeader(header(tar.TypeDir, dir+"/", 0o755, 0))
}

func writeFile(t *tar.Writer, f bundle.File) error {
	in, err := f.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	if err := t.WriteHeader(header(tar.TypeReg, f.Path, permissions(f.Mode), f.Size)); err != nil {
		return err
	}
	n, err := io.Copy(t, in)
	if err == nil && n != f.Size {
		err = fmt.Errorf("has %d bytes instead of %d", n, f.Size)
	}
	return err
}

func header(kind byte, name string, mode, size int64) *tar.Header {
	return &tar.Header{Typeflag: kind, Name: name, Mode: mode, Size: size, ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR}
}

func permissions(m fs.FileMode) int64 {
	const sticky = 0o1000 // in tar, unlike in Go
	if m&fs.ModeSticky != 0 {
		return int64(m.Perm()) | sticky
	}
	return int64(m.Perm())
}
