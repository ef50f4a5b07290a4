//go:build linux

// Command ctl builds and runs Kubernetes clusters on this machine: see docs/testing.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/meshctl/meshctl/test/cluster"
	"github.com/meshctl/meshctl/test/cluster/node"
)

const usage = `usage: ctl [-name NAME] build | up [IMAGES.tar]... | down | exec PROGRAM [ARG]... | load IMAGES.tar... | second | restart NODE COMPONENT | kubeconfig | list`

func main() {
	node.Reexec()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		os.Exit(exit.ExitCode())
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	name := "default"
	if len(args) > 1 && args[0] == "-name" {
		name, args = args[1], args[2:]
	}
	if len(args) == 0 {
		return errors.New(usage)
	}
	home, err := clusters()
	if err != nil {
		return err
	}
	dir := filepath.Join(home, name)
	verb, args := args[0], args[1:]
	switch verb {
	case "build":
		parts, err := cluster.Build(ctx, os.Stderr, append(cluster.NodeParts(), cluster.Fortio, cluster.Prometheus)...)
		for _, path := range parts {
			fmt.Println(path)
		}
		return err
	case "list":
		return list(home)
	case "up":
		c, err := node.Up(ctx, node.Options{Dir: dir, Images: args, Progress: os.Stderr})
		if err != nil {
			return err
		}
		fmt.Println(c.Kubeconfig())
		return nil
	}
	c, err := node.Open(dir)
	if err != nil {
		return err
	}
	return use(ctx, c, verb, args)
}

// use does something with a cluster that runs.
func use(ctx context.Context, c *node.Cluster, verb string, args []string) error {
	switch {
	case verb == "down":
		return c.Down()
	case verb == "exec" && len(args) > 0:
		cmd, err := c.Command(ctx, args[0], args[1:]...)
		if err != nil {
			return err
		}
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
		return cmd.Run()
	case verb == "load":
		return c.Load(ctx, args...)
	case verb == "second":
		name, err := c.AddNode(ctx)
		if err == nil {
			fmt.Println(name)
		}
		return err
	case verb == "restart" && len(args) == 2:
		return c.Restart(ctx, args[0], args[1])
	case verb == "kubeconfig":
		fmt.Println(c.Kubeconfig())
		return nil
	default:
		return errors.New(usage)
	}
}

// clusters is where they are kept.
func clusters() (string, error) {
	cache, err := os.UserCacheDir()
	return filepath.Join(cache, "meshctl", "nodes"), err
}

func list(home string) error {
	found, err := filepath.Glob(filepath.Join(home, "*", "cluster.json"))
	for _, path := range found {
		fmt.Println(strings.TrimPrefix(filepath.Dir(path), home+"/"))
	}
	return err
}
