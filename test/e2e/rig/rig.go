// Package rig gives end-to-end tests a Kubernetes cluster with the product's images: see docs/testing.md.
package rig

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/meshctl/meshctl/test/cluster"
)

// The environment that decides where tests run.
const (
	// wanted has "1" where tests may start a cluster on this machine.
	wanted = "E2E"
	// given is the kubeconfig of a cluster that is there already.
	given = "E2E_KUBECONFIG"
	// archives are tar files with images, as in PATH, in place of what bin/meshctl would save.
	archives = "E2E_IMAGES"
	// inside is the directory of the cluster in whose node the tests run. The rig sets it.
	inside = "E2E_NODE"
)

// Main is for TestMain: it returns the exit code of the tests. They run on the cluster of E2E_KUBECONFIG; else, with E2E=1, in the node of a
// cluster of their own, which ends with them; else not at all.
func Main(m *testing.M) int {
	reexec()
	flag.Parse()
	switch kubeconfig := os.Getenv(given); {
	case flag.Lookup("test.list").Value.String() != "", os.Getenv(inside) != "":
		return m.Run()
	case kubeconfig != "":
		if err := onGiven(kubeconfig); err != nil {
			fmt.Fprintln(os.Stderr, "e2e:", err)
			return 1
		}
		return m.Run()
	case os.Getenv(wanted) == "1":
		code, err := inNode()
		if err != nil {
			fmt.Fprintln(os.Stderr, "e2e:", err)
			return 1
		}
		return code
	default:
		fmt.Fprintln(os.Stderr, "e2e: skipped: set E2E=1 (Linux, root) for a node on this machine, or E2E_KUBECONFIG for a cluster that is there")
		return 0
	}
}

func onGiven(kubeconfig string) error {
	path, err := filepath.Abs(kubeconfig)
	if err != nil {
		return err
	}
	if err := os.Setenv("KUBECONFIG", path); err != nil {
		return err
	}
	if _, err := exec.LookPath("kubectl"); err == nil {
		return nil
	}
	parts, err := cluster.Build(context.Background(), os.Stderr, cluster.Knode)
	if err != nil {
		return err
	}
	return os.Setenv("PATH", os.Getenv("PATH")+":"+parts[cluster.Knode])
}

// images returns the archives of images that the cluster shall have, which are written to dir if need be.
func images(ctx context.Context, dir string) ([]string, error) {
	if list := os.Getenv(archives); list != "" {
		return filepath.SplitList(list), nil
	}
	meshctl, err := binary("meshctl")
	if err != nil {
		return nil, err
	}
	archive := filepath.Join(dir, "images.tar")
	if out, err := exec.CommandContext(ctx, meshctl, "image", "save", "--compression", "none", "-o", archive).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("meshctl image save: %w\n%s", err, out)
	}
	return []string{archive}, nil
}

// binary is the path of a program of the product, which `make build` has built.
func binary(name string) (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("this is not run in the repository")
		}
		dir = filepath.Dir(dir)
	}
	path := filepath.Join(dir, "bin", name)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%s is not there: run make build", path)
	}
	return path, nil
}
