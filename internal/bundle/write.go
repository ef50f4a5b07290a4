package bundle

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/klauspost/compress/zstd"
)

// Write puts the parts for a platform below root, in the form that Open reads, in place of what was there.
func Write(root, platform string, files map[Part][]File) error {
	dir := filepath.Join(root, folder(platform))
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	var entries []entry
	for _, part := range Parts() {
		for _, f := range files[part] {
			e := entry{Part: part, Path: f.Path, Mode: f.Mode, Size: f.Size, Stored: strconv.Itoa(len(entries)) + ".zst"}
			if err := compress(filepath.Join(dir, e.Stored), f); err != nil {
				return fmt.Errorf("%s: %w", f.Path, err)
			}
			entries = append(entries, e)
		}
	}
	data, err := json.MarshalIndent(entries, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, index), append(data, '\n'), 0o644)
}

func compress(to string, f File) (err error) {
	in, err := f.Open()
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // read only
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	z, err := zstd.NewWriter(out, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	if _, err := io.Copy(z, in); err != nil {
		return errors.Join(err, z.Close())
	}
	return z.Close()
}
