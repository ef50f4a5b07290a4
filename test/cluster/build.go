package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Build returns the directory of each part's programs. What is not in the cache (meshctl/k8s below os.UserCacheDir, a folder for each part,
// named by the hash of its sources and of Go's version) is built first, which takes minutes; progress is told of it.
func Build(ctx context.Context, progress io.Writer, parts ...Part) (map[Part]string, error) {
	source, err := goList(ctx, "-f", "{{.Dir}}", "github.com/meshctl/meshctl/test/cluster")
	if err != nil {
		return nil, err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	dirs := map[Part]string{}
	for _, p := range parts {
		from := filepath.Join(source, "mods", string(p))
		hash, err := p.hash(from)
		if err != nil {
			return nil, err
		}
		dirs[p] = filepath.Join(cache, "meshctl", "k8s", string(p)+"-"+hash)
		if err := p.build(ctx, progress, from, dirs[p]); err != nil {
			return nil, fmt.Errorf("build of the test cluster's %s: %w", p, err)
		}
	}
	return dirs, nil
}

// build fills dir unless it is there already. Others that build the same wait for each other.
func (p Part) build(ctx context.Context, progress io.Writer, source, dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	unlock, err := lock(dir + ".lock")
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	fmt.Fprintf(progress, "building %s into %s (once)\n", p, dir)
	start := time.Now()
	temporary, err := os.MkdirTemp(filepath.Dir(dir), "."+string(p)+"-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(temporary) }() // nothing once it has its name
	if err := os.Chmod(temporary, 0o755); err != nil {
		return err
	}
	how := recipes()[p]
	for _, one := range how.programs {
		if err := one.build(ctx, progress, source, temporary); err != nil {
			return err
		}
	}
	for _, link := range how.links {
		if err := os.Symlink(how.programs[0].out, filepath.Join(temporary, link)); err != nil {
			return err
		}
	}
	fmt.Fprintf(progress, "built %s in %s\n", p, time.Since(start).Round(time.Second))
	return os.Rename(temporary, dir)
}

func (o program) build(ctx context.Context, progress io.Writer, source, dir string) error {
	if o.cgo && !hasSeccomp(ctx) {
		fmt.Fprintf(progress, "%s is built without seccomp: there is no gcc with libseccomp (packages gcc and libseccomp-dev)\n", o.out)
		o = program{out: o.out, pkg: o.pkg}
	}
	enabled := "CGO_ENABLED=0"
	if o.cgo {
		enabled = "CGO_ENABLED=1"
	}
	args := []string{"build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-o", filepath.Join(dir, o.out),
		"-ldflags", strings.Join(append([]string{"-s", "-w"}, o.ldflags...), " ")}
	if o.tags != "" {
		args = append(args, "-tags", o.tags)
	}
	cmd := exec.CommandContext(ctx, "go", append(args, o.pkg)...)
	cmd.Dir = source
	cmd.Env = append(cmd.Environ(), enabled, "GOFLAGS=", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", o.out, err, out)
	}
	return nil
}

// hasSeccomp tries whether a C program can be linked statically with libseccomp.
func hasSeccomp(ctx context.Context) bool {
	cmd := exec.CommandContext(ctx, "gcc", "-static", "-x", "c", "-", "-lseccomp", "-o", os.DevNull)
	cmd.Stdin = strings.NewReader("#include <seccomp.h>\nint main() { return seccomp_api_get() == 0; }\n")
	return cmd.Run() == nil
}

func goList(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "go", append([]string{"list"}, args...)...).Output()
	if err != nil {
		return "", fmt.Errorf("go list %s: %w", strings.Join(args, " "), err)
	}
	return string(bytes.TrimSpace(out)), nil
}
