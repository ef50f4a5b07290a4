package cluster

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// gitVersion is what the server says it is; the one in k8s/go.mod.
const gitVersion = "v1.36.3"

// Build returns the path of the binary with etcd and kube-apiserver in it. It is built from the modules that k8s/go.mod pins unless it is
// in the cache: below os.UserCacheDir, in a folder for these sources and this Go.
func Build(ctx context.Context, progress io.Writer) (string, error) {
	source, err := goList(ctx, "-f", "{{.Dir}}", "github.com/meshctl/meshctl/test/cluster")
	if err != nil {
		return "", err
	}
	source = filepath.Join(source, "k8s")
	key, err := hashOf(source, "go.mod", "go.sum", "main.go")
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "meshctl", "k8s", key)
	binary := filepath.Join(dir, "k8s")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	unlock, err := lock(filepath.Join(dir, "lock")) // several packages' tests may want it at once
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(binary); err == nil {
		return binary, nil
	}
	fmt.Fprintf(progress, "building etcd and kube-apiserver %s into %s: this takes some minutes, once\n", gitVersion, dir)
	return binary, build(ctx, source, binary)
}

func build(ctx context.Context, source, binary string) error {
	const base = "k8s.io/component-base/version"
	major, rest, _ := strings.Cut(strings.TrimPrefix(gitVersion, "v"), ".")
	minor, _, _ := strings.Cut(rest, ".")
	temporary := fmt.Sprintf("%s.%d", binary, os.Getpid())
	cmd := exec.CommandContext(ctx, "go", "build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-o", temporary,
		"-ldflags", fmt.Sprintf("-s -w -X %[1]s.gitVersion=%[2]s -X %[1]s.gitMajor=%[3]s -X %[1]s.gitMinor=%[4]s", base, gitVersion, major, minor), ".")
	cmd.Dir = source
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build of the test cluster: %w\n%s", err, out)
	}
	return os.Rename(temporary, binary)
}

func hashOf(dir string, files ...string) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, runtime.Version(), runtime.GOOS, runtime.GOARCH, gitVersion)
	for _, file := range files {
		data, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			return "", err
		}
		fmt.Fprintln(h, file, len(data))
		h.Write(data)
	}
	return hex.EncodeToString(h.Sum(nil))[:16], nil
}

func goList(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "go", append([]string{"list"}, args...)...).Output()
	if err != nil {
		return "", fmt.Errorf("go list %s: %w", strings.Join(args, " "), err)
	}
	return string(bytes.TrimSpace(out)), nil
}
