// Package mesh_test starts whole meshes as users do, with the real programs and real Envoys, and looks at them from outside:
// through the gateway, through meshctl, and at what Envoy itself says.
package mesh_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/meshctl/meshctl/internal/envoybin"
)

// patience is how long anything that ought to happen may take on a busy machine. What must be fast is measured.
const patience = 30 * time.Second

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == programArg {
		os.Exit(program(os.Args[2], os.Args[3:]))
	}
	flag.Parse()
	code := m.Run()
	if err := clean(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// root is a directory for the programs and for the state of every mesh of these tests, with a short name: the paths of sockets
// are limited.
var root = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "mt") })

// built returns the path of meshctl, next to the other programs.
var built = sync.OnceValues(func() (string, error) {
	dir, err := root()
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", filepath.Join(dir, "bin")+"/", "./cmd/...")
	cmd.Dir, cmd.Env = "../..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return filepath.Join(dir, "bin", "meshctl"), nil
})

var envoy = sync.OnceValues(func() (string, error) {
	options := envoybin.Options{Explicit: os.Getenv("MESHCTL_ENVOY")}
	if cache, err := os.UserCacheDir(); err == nil {
		options.CacheDir = envoybin.CacheDir(cache)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	found, err := envoybin.Find(ctx, options)
	return found.Path, err
})

// clean fails when a process is left that knows of our directory, and removes the directory.
func clean() error {
	dir, err := root()
	if err != nil {
		return err
	}
	left := processes(dir)
	for pid := range left {
		if process, err := os.FindProcess(pid); err == nil {
			_ = process.Kill()
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if len(left) > 0 {
		return fmt.Errorf("the tests leave processes behind: %v", left)
	}
	return nil
}

// processes returns the command lines of those that name dir, by process id.
func processes(dir string) map[int]string {
	out := map[int]string{}
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		data, err := os.ReadFile(file)
		line := strings.ReplaceAll(string(data), "\x00", " ")
		var pid int
		if _, scan := fmt.Sscanf(file, "/proc/%d/cmdline", &pid); err == nil && scan == nil && pid != os.Getpid() && strings.Contains(line, dir) {
			out[pid] = line
		}
	}
	return out
}
