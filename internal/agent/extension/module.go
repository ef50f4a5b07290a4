// Package extension gives Envoy the filters of WasmPlugins and TrafficExtensions: it asks the control plane for their configurations when
// Envoy asks for them, fetches and verifies the modules, has an Envoy of its own try them, and only then hands them over, with the module as
// a local file. What is not there, Envoy is told at once, and puts what the failure strategy says in its place.
package extension

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxModule is the largest module in bytes, and the most that is read of an archive: Istio's default.
const maxModule = 256 << 20

// wasmHeader begins every core module of version 1; componentHeader a component, which proxies cannot run.
var (
	wasmHeader      = []byte("\x00asm\x01\x00\x00\x00")
	componentHeader = []byte("\x00asm\x0d\x00\x01\x00")
	gzipHeader      = []byte{0x1f, 0x8b}
	tarMagic        = []byte("ustar")
)

const tarMagicAt = 257

var errTooLarge = fmt.Errorf("larger than %d MiB", maxModule>>20)

// maxWraps bounds how often a module is wrapped: there are archives that contain themselves.
const maxWraps = 3

// unpack writes the module in r to w: r itself, what r compresses (gzip), or the first file NAME.wasm of the archive (tar) that r is.
func unpack(w io.Writer, r io.Reader) error { return unwrap(w, r, maxWraps) }

func unwrap(w io.Writer, r io.Reader, wraps int) error {
	if wraps < 0 {
		return errors.New("an archive in an archive in an archive")
	}
	in := bufio.NewReader(&bounded{r: r, left: maxModule})
	head, err := in.Peek(len(wasmHeader))
	switch {
	case bytes.Equal(head, wasmHeader):
		_, err = io.Copy(w, in)
		return err
	case bytes.Equal(head, componentHeader):
		return errors.New("a WebAssembly component; proxies run core modules")
	case bytes.HasPrefix(head, gzipHeader):
		plain, err := gzip.NewReader(in)
		if err != nil {
			return fmt.Errorf("gzip: %w", err)
		}
		return unwrap(w, plain, wraps-1)
	}
	if magic, _ := in.Peek(tarMagicAt + len(tarMagic)); len(magic) > tarMagicAt && bytes.Equal(magic[tarMagicAt:], tarMagic) {
		return extract(w, in, wraps-1)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return fmt.Errorf("no WebAssembly module: it begins with %q", head)
}

func extract(w io.Writer, r io.Reader, wraps int) error {
	archive := tar.NewReader(r)
	for {
		file, err := archive.Next()
		switch {
		case errors.Is(err, io.EOF):
			return errors.New("the archive has no file NAME.wasm, such as plugin.wasm")
		case err != nil:
			return fmt.Errorf("archive: %w", err)
		}
		if file.Typeflag == tar.TypeReg && strings.HasSuffix(file.Name, ".wasm") {
			return unwrap(w, archive, wraps)
		}
	}
}

// bounded fails when more than left bytes are read.
type bounded struct {
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, errTooLarge
	}
	return n, err
}
