package bundle

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"
)

func TestWhatIsWrittenIsRead(t *testing.T) {
	dir := t.TempDir()
	text := strings.Repeat("program ", 10_000)
	files := map[Part][]File{
		Meshd: {{Path: "usr/local/bin/meshd", Mode: 0o755, Size: int64(len(text)), Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }}},
		Libc:  {{Path: "lib/a", Mode: 0o644, Open: empty}, {Path: "lib/b", Mode: 0o644, Open: empty}},
	}
	for range 2 { // the second time in place of the first
		if err := Write(dir, "linux/arm64", files); err != nil {
			t.Fatal(err)
		}
	}
	b, err := open(os.DirFS(dir), "linux/arm64")
	if err != nil {
		t.Fatal(err)
	}
	if got := b.Files(Libc); len(got) != 2 || got[1].Path != "lib/b" {
		t.Errorf("libc: %v", got)
	}
	if got := b.Files(Envoy); len(got) != 0 {
		t.Errorf("envoy: %v", got)
	}
	meshd := b.Files(Meshd)[0]
	for range 2 {
		r, err := meshd.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil || string(data) != text || meshd.Size != int64(len(data)) || meshd.Mode != 0o755 {
			t.Errorf("%d bytes, %+v, %v", len(data), meshd, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := open(os.DirFS(dir), "linux/amd64"); !errors.Is(err, ErrAbsent) {
		t.Errorf("another platform: %v", err)
	}
}

func empty() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("")), nil }
