//go:build linux

package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const cgroups = "/sys/fs/cgroup"

// unified says whether this machine has version 2 of control groups only. With it, a cluster has a cgroup namespace.
func unified() bool {
	var fs unix.Statfs_t
	return unix.Statfs(cgroups, &fs) == nil && fs.Type == unix.CGROUP2_SUPER_MAGIC
}

func (s *spec) cgroup() string { return "meshctl-" + s.ID }

// cgroupRoot is the group below which the kubelet makes those of pods, as the node sees it.
func (m member) cgroupRoot() string {
	switch {
	case unified() && m.index == 0:
		return "/"
	case unified():
		return "/" + m.Name()
	default:
		return "/" + m.cgroup() + "-" + m.Name()
	}
}

// makeCgroups makes the kubelet's root group.
func (m member) makeCgroups() error {
	if unified() {
		return os.MkdirAll(cgroups+m.cgroupRoot(), 0o755)
	}
	hierarchies, err := filepath.Glob(cgroups + "/*")
	if err != nil {
		return err
	}
	for _, h := range hierarchies {
		if filepath.Base(h) == "unified" {
			continue
		}
		group := h + m.cgroupRoot()
		if err := os.MkdirAll(group, 0o755); err != nil {
			return err
		}
		// Empty in a new group, which then cannot hold anything.
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
			data, err := os.ReadFile(filepath.Join(h, file))
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err == nil {
				err = os.WriteFile(filepath.Join(group, file), data, 0o644)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// enterCgroup gives the calling thread, which is in the cluster's group, a cgroup namespace that has this group as its root.
// All processes move to a leaf, so that the root can hand controllers on to the pods' groups.
func (s *spec) enterCgroup() error {
	if err := unix.Unshare(unix.CLONE_NEWCGROUP); err != nil {
		return fmt.Errorf("cgroup namespace: %w", err)
	}
	group := filepath.Join(cgroups, s.cgroup())
	leaf := filepath.Join(group, "init")
	if err := os.MkdirAll(leaf, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(leaf, "cgroup.procs"), []byte("0"), 0o644); err != nil {
		return err
	}
	return delegate(group)
}

// delegate hands controllers on to the groups below one.
func delegate(group string) error {
	for _, c := range []string{"cpuset", "cpu", "io", "memory", "pids"} {
		if err := os.WriteFile(filepath.Join(group, "cgroup.subtree_control"), []byte("+"+c), 0o644); err != nil {
			return fmt.Errorf("controller %s of %s: %w", c, group, err)
		}
	}
	return nil
}

// removeCgroups removes every group of the cluster once the processes in them have ended.
func (s *spec) removeCgroups(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		left := s.removeEmpty()
		if len(left) == 0 {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("groups that still hold processes: %s", strings.Join(left, ", "))
		}
	}
}

// removeEmpty returns what is left.
func (s *spec) removeEmpty() []string {
	tops, _ := filepath.Glob(filepath.Join(cgroups, s.cgroup()))
	for _, top := range tops {
		_ = os.WriteFile(filepath.Join(top, "cgroup.kill"), []byte("1"), 0) // not there in version 1
	}
	below, _ := filepath.Glob(filepath.Join(cgroups, "*", s.cgroup()+"-*"))
	var groups []string
	for _, top := range append(tops, below...) {
		_ = filepath.WalkDir(top, func(path string, e fs.DirEntry, err error) error {
			if err == nil && e.IsDir() {
				groups = append(groups, path)
			}
			return nil // what has gone meanwhile is gone
		})
	}
	slices.Reverse(groups) // what is in a group before the group
	return slices.DeleteFunc(groups, func(group string) bool {
		err := unix.Rmdir(group)
		return err == nil || errors.Is(err, unix.ENOENT)
	})
}
