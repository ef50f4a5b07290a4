// Package envoybin finds the Envoy that the mesh runs: a real, unmodified release. It looks where the user says, then
// in PATH, then in the cache, and fetches it when it is nowhere.
package envoybin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/meshctl/meshctl/internal/version"
)

// Version is the Envoy release that this program is written and tested for. Any release of the same minor version
// is taken without a word.
const Version = version.Envoy

// Envoy is a binary that was found, and asked for its version.
type Envoy struct {
	Path    string `json:"path"`
	Version string `json:"version"`          // e.g. "1.40.0"
	Source  string `json:"source"`           // how it was found, e.g. "PATH"
	SHA256  string `json:"sha256,omitempty"` // recorded when it was fetched
	// Warning says what is unusual about it, e.g. a version other than Version. Empty when all is well.
	Warning string `json:"warning,omitempty"`
}

// Options say where to look. The functions are the package's view of the machine; nil means the real one.
type Options struct {
	// Explicit is the path that the user gave (--envoy or MESHCTL_ENVOY). When set, nothing else is tried.
	Explicit string
	// CacheDir is where a fetched binary is kept (see CacheDir). Without it nothing can be fetched.
	CacheDir string
	// Fetch allows a download when no binary is found on this machine.
	Fetch bool
	// Progress receives one line for each thing that takes time; nil means silence.
	Progress io.Writer

	LookPath func(name string) (string, error)
	Run      RunFunc
	Fetchers []Fetcher
}

// RunFunc runs a program to its end and returns its standard output. Its error includes what the program wrote to
// standard error.
type RunFunc func(ctx context.Context, name string, args ...string) ([]byte, error)

// CacheDir is the place of the pinned version below the user's cache directory (os.UserCacheDir).
func CacheDir(userCacheDir string) string {
	return filepath.Join(userCacheDir, "meshctl", "envoy", Version)
}

// NotFoundError lists every way that was tried, in order, and why it did not work.
type NotFoundError struct {
	Attempts []Attempt
}

// Attempt is one way to get Envoy that failed.
type Attempt struct {
	Way string
	Err error
}

func (e *NotFoundError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "no Envoy %s found; tried:", minor(Version))
	for _, a := range e.Attempts {
		fmt.Fprintf(&b, "\n  - %s: %v", a.Way, a.Err)
	}
	fmt.Fprintf(&b, "\ninstall Envoy %s and put it into PATH, or name it with --envoy or MESHCTL_ENVOY", Version)
	return b.String()
}

func (e *NotFoundError) Unwrap() []error {
	errs := make([]error, len(e.Attempts))
	for i, a := range e.Attempts {
		errs[i] = a.Err
	}
	return errs
}

// errNotAllowed is the attempt to fetch when Options.Fetch is false.
var errNotAllowed = errors.New("not asked for; `meshctl envoy --fetch` does it")

// Find returns the first usable Envoy: Explicit, PATH, the cache, or (with Fetch) a download into the cache. The
// error is a *NotFoundError unless ctx ended.
func Find(ctx context.Context, o Options) (Envoy, error) {
	o = o.withDefaults()
	if o.Explicit != "" {
		return o.explicit(ctx)
	}
	var failed NotFoundError
	for _, way := range []struct {
		name string
		find func(context.Context) (Envoy, error)
	}{
		{"PATH", o.inPath},
		{"cache " + o.CacheDir, o.inCache},
	} {
		envoy, err := way.find(ctx)
		if err == nil {
			return envoy, nil
		}
		if ctx.Err() != nil {
			return Envoy{}, ctx.Err()
		}
		failed.Attempts = append(failed.Attempts, Attempt{way.name, err})
	}
	envoy, attempts, err := o.fetch(ctx)
	if err != nil {
		return Envoy{}, err
	}
	if envoy.Path != "" {
		return envoy, nil
	}
	failed.Attempts = append(failed.Attempts, attempts...)
	return Envoy{}, &failed
}

// explicit takes what the user named, whatever its version, and fails rather than running something else.
func (o Options) explicit(ctx context.Context) (Envoy, error) {
	version, err := o.version(ctx, o.Explicit)
	if err != nil {
		return Envoy{}, &NotFoundError{[]Attempt{{"--envoy or MESHCTL_ENVOY " + o.Explicit, err}}}
	}
	envoy := Envoy{Path: o.Explicit, Version: version, Source: "--envoy or MESHCTL_ENVOY"}
	if minor(version) != minor(Version) {
		envoy.Warning = fmt.Sprintf("%s is Envoy %s; this program is tested with %s", o.Explicit, version, Version)
	}
	return envoy, nil
}

func (o Options) inPath(ctx context.Context) (Envoy, error) {
	path, err := o.LookPath("envoy")
	if err != nil {
		return Envoy{}, errors.New("no envoy there")
	}
	version, err := o.pinned(ctx, path)
	if err != nil {
		return Envoy{}, err
	}
	return Envoy{Path: path, Version: version, Source: "PATH"}, nil
}
