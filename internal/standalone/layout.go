// Package standalone runs a mesh on one machine: the control plane as a supervised child process, and programs as workloads,
// each behind an Envoy with its agent. It needs no cluster and no root, and everything listens on loopback.
package standalone

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Layout names the files in the state directory of one mesh (see meshstate.Dir). Directories are 0700, files 0600.
type Layout struct{ Dir string }

// Base is the directory of the configuration that the mesh itself brings: the lowest layer.
func (l Layout) Base() string { return filepath.Join(l.Dir, "base") }

// Config is the directory of the user's configuration when no other is named.
func (l Layout) Config() string { return filepath.Join(l.Dir, "config") }

// Log is the file of what the process of that name writes.
func (l Layout) Log(name string) string { return filepath.Join(l.Dir, "logs", name+".log") }

// Workload is the directory of one workload: its agent's state and ours. A namespace has no dot, so names cannot collide.
func (l Layout) Workload(namespace, name string) string {
	return filepath.Join(l.workloads(), namespace+"."+name)
}

func (l Layout) workloads() string    { return filepath.Join(l.Dir, "workloads") }
func (l Layout) lock() string         { return filepath.Join(l.Dir, "lock") }
func (l Layout) ca() string           { return filepath.Join(l.Dir, "ca") }
func (l Layout) controlPlane() string { return filepath.Join(l.Dir, "meshd.json") }

// prepare makes a directory that only its owner may enter.
func prepare(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return explainDisk(dir, err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return explainDisk(dir, err)
	}
	return nil
}

// explainDisk adds what to do to the errors of the state directory that a user can mend.
func explainDisk(dir string, err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("state directory %s: no space left: free some, or choose another place with XDG_STATE_HOME", dir)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fmt.Errorf("state directory %s: %w: choose a place that you may write with XDG_STATE_HOME", dir, err)
	}
	return fmt.Errorf("state directory %s: %w", dir, err)
}
