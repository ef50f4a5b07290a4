package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/meshctl/meshctl/test/cluster"
	"github.com/meshctl/meshctl/test/cluster/node"
)

// prometheusImage is what samples/addons/prometheus.yaml runs, which nodes of a rig cannot pull.
const prometheusImage = "docker.io/prom/prometheus:v3.10.0"

func reexec() { node.Reexec() }

// inNode runs this program again in the node of a new cluster.
func inNode() (code int, err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, err := os.MkdirTemp("", "meshctl-e2e-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	parts, err := cluster.Build(ctx, os.Stderr, cluster.Fortio, cluster.Prometheus)
	if err != nil {
		return 0, err
	}
	archives, err := images(ctx, dir)
	if err != nil {
		return 0, err
	}
	prometheus := filepath.Join(dir, "prometheus.tar")
	if err := node.MakeImage(prometheus, prometheusImage, filepath.Join(parts[cluster.Prometheus], "prometheus"), "bin/prometheus"); err != nil {
		return 0, err
	}
	archives = append(archives, prometheus)
	began := time.Now()
	c, err := node.Up(ctx, node.Options{Dir: filepath.Join(dir, "node"), Images: archives, Tied: true, Progress: os.Stderr})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, c.Down()) }()
	fmt.Fprintf(os.Stderr, "e2e: a node is up after %.1f s\n", time.Since(began).Seconds())
	return runIn(ctx, c)
}

func runIn(ctx context.Context, c *node.Cluster) (int, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	cmd, err := c.Command(ctx, self, os.Args[1:]...)
	if err != nil {
		return 0, err
	}
	cmd.Env = append(cmd.Env, inside+"="+c.Dir())
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err = cmd.Run()
	if err == nil {
		return 0, nil
	}
	// Tests report what is in their namespaces themselves, unless their time was up.
	describe(os.Stderr, func(ctx context.Context, args ...string) *exec.Cmd {
		inner, err := c.Command(ctx, "kubectl", args...)
		if err != nil {
			return kubectlHere(ctx, args...)
		}
		return inner
	}, "--all-namespaces")
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return max(1, exit.ExitCode()), nil
	}
	return 0, err
}

// Node returns the cluster for tests that add nodes to it or restart its components. On a cluster that is not the rig's own they are skipped.
func Node(t testing.TB) *node.Cluster {
	t.Helper()
	dir := os.Getenv(inside)
	if dir == "" {
		t.Skip("needs a node on this machine (E2E=1)")
	}
	c, err := node.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
