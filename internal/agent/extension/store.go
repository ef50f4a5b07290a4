package extension

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/meshctl/meshctl/internal/meshstate"
)

// keepUnused is how long a module stays that nothing asked for.
const keepUnused = 24 * time.Hour

// Store keeps modules in a directory: each as DIGEST.wasm, and for what has no digest in its name a note (NAME.json) of what was fetched
// under it last. All methods may be called by any goroutine.
type Store struct {
	dir string
	// insecure returns the registries ("HOST" or "HOST:PORT") that are reached without TLS, besides those on this machine.
	insecure func() []string
	client   *http.Client
}

// NewStore returns a Store in a directory, which is made when it is needed. insecure returns the registries ("HOST" or "HOST:PORT") that
// may be reached without TLS, besides those on this machine.
func NewStore(dir string, insecure func() []string) *Store {
	return &Store{dir: dir, insecure: insecure, client: newClient()}
}

// Request says what to fetch.
type Request struct {
	// URL of the module: file, http, https or oci.
	URL string
	// SHA256 that the module, or the manifest of the image, must have, in hexadecimal; may be empty.
	SHA256 string
	// Version, when not empty, has the module fetched again unless what is here was fetched for the same version.
	Version string
	// Name of what wants the module: versions are counted for each.
	Name string
	// Credentials is a Docker configuration file; nil for none.
	Credentials []byte
}

// note is what was fetched under a name.
type note struct {
	URL     string `json:"url"`
	Version string `json:"version,omitempty"`
	Image   string `json:"image,omitempty"` // digest of the manifest
	Module  string `json:"module"`          // digest of the module
}

// Fetch returns the path of the module and its digest. It fetches what is not here yet, or what must be looked for again.
func (s *Store) Fetch(ctx context.Context, r Request) (path, digest string, err error) {
	defer s.client.CloseIdleConnections()
	scheme, rest, _ := strings.Cut(r.URL, "://")
	if _, pinned, ok := strings.Cut(rest, "@sha256:"); ok && r.SHA256 == "" {
		r.SHA256 = pinned
	}
	switch scheme {
	case "oci":
		digest, err = s.pull(ctx, r, rest)
	case "http", "https":
		digest, err = s.get(r, func(w io.Writer) error { return download(ctx, s.client, r.URL, w) })
	case "file":
		digest, err = s.save(r.SHA256, func(w io.Writer) error { return read(rest, w) })
	default:
		err = errors.New("unknown kind of URL")
	}
	if err != nil {
		return "", "", fmt.Errorf("%s: %w", r.URL, err)
	}
	return s.path(digest), digest, nil
}

func (s *Store) path(digest string) string { return filepath.Join(s.dir, digest+".wasm") }

// get returns the digest of a file that was fetched before, or fetches it.
func (s *Store) get(r Request, fetch func(io.Writer) error) (string, error) {
	if r.SHA256 != "" {
		if s.has(r.SHA256) {
			return r.SHA256, nil
		}
		return s.save(r.SHA256, fetch)
	}
	if known := s.noted(r); known.Module != "" && known.Version == r.Version && s.has(known.Module) {
		return known.Module, nil
	}
	digest, err := s.save("", fetch)
	if err != nil {
		return "", err
	}
	return digest, s.write(r, note{URL: r.URL, Version: r.Version, Module: digest})
}

// pull is get for images: the digest that is wanted is that of the manifest.
func (s *Store) pull(ctx context.Context, r Request, reference string) (string, error) {
	known := s.noted(r)
	here := known.Module != "" && s.has(known.Module)
	if here && known.Version == r.Version && (r.SHA256 == "" || r.SHA256 == known.Image) {
		return known.Module, nil
	}
	i, err := openImage(ctx, s.client, reference, r.Credentials, s.plain)
	if err != nil {
		return "", err
	}
	if r.SHA256 != "" && r.SHA256 != i.digest() {
		return "", mismatch(r.SHA256, i.digest())
	}
	digest := known.Module
	if !here || known.Image != i.digest() {
		if digest, err = s.save("", func(w io.Writer) error { return i.module(ctx, w) }); err != nil {
			return "", err
		}
	}
	return digest, s.write(r, note{URL: r.URL, Version: r.Version, Image: i.digest(), Module: digest})
}

func (s *Store) plain(host string) bool {
	return loopback(host) || slices.ContainsFunc(s.insecure(), func(listed string) bool {
		name, _, _ := strings.Cut(host, ":")
		return listed == host || listed == name
	})
}

func mismatch(want, got string) error {
	return fmt.Errorf("its SHA-256 is %s, not %s as the plugin says", got, want)
}

// save writes what fetch gives to a file under its digest, which must be want unless that is empty.
func (s *Store) save(want string, fetch func(io.Writer) error) (digest string, err error) {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return "", err
	}
	file, err := os.CreateTemp(s.dir, ".fetch-*")
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(file.Name())
		}
	}()
	sum := sha256.New()
	err = fetch(io.MultiWriter(file, sum))
	if err = errors.Join(err, file.Close()); err != nil {
		return "", err
	}
	digest = hex.EncodeToString(sum.Sum(nil))
	if want != "" && digest != want {
		return "", mismatch(want, digest)
	}
	return digest, os.Rename(file.Name(), s.path(digest))
}

func read(path string, w io.Writer) error {
	file, err := os.Open(path)
	if err != nil {
		return errors.Unwrap(err) // the path is known
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && !info.Mode().IsRegular() {
		return errors.New("not a file")
	}
	return unpack(w, file)
}

// has reports whether the module is here, and is what its name says: a machine may have stopped while it was written.
func (s *Store) has(digest string) bool {
	file, err := os.Open(s.path(digest))
	if err != nil {
		return false
	}
	defer file.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil || hex.EncodeToString(sum.Sum(nil)) != digest {
		return false
	}
	now := time.Now()
	_ = os.Chtimes(s.path(digest), now, now)
	return true
}

// notePath is by the URL, and for what is fetched again for each version by who wants it.
func (s *Store) notePath(r Request) string {
	name := r.URL
	if r.Version != "" {
		name += "\n" + r.Name
	}
	sum := sha256.Sum256([]byte(name))
	return filepath.Join(s.dir, hex.EncodeToString(sum[:16])+".json")
}

func (s *Store) noted(r Request) note {
	var n note
	data, err := os.ReadFile(s.notePath(r))
	if err != nil || json.Unmarshal(data, &n) != nil || n.URL != r.URL {
		return note{}
	}
	return n
}

func (s *Store) write(r Request, n note) error {
	data, err := json.Marshal(n)
	if err != nil {
		return err
	}
	return meshstate.WriteFile(s.notePath(r), data)
}

// Forget makes the next Fetch fetch a module again, because it cannot be used.
func (s *Store) Forget(digest string) { _ = os.Remove(s.path(digest)) }

// Prune removes what nothing asked for in the last day and what a fetch that was interrupted left; used are digests that are in use.
func (s *Store) Prune(used map[string]bool) {
	files, err := os.ReadDir(s.dir)
	if err != nil {
		return
	}
	for _, f := range files {
		info, err := f.Info()
		digest, _, _ := strings.Cut(f.Name(), ".")
		if err == nil && time.Since(info.ModTime()) > keepUnused && !used[digest] {
			_ = os.Remove(filepath.Join(s.dir, f.Name()))
		}
	}
}
