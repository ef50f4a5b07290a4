// Package meshstate is what a running standalone mesh writes down for other processes of the same user: where it can be
// reached, and what belongs to it. One directory a mesh, readable by its owner only.
package meshstate

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"time"
)

// DefaultMesh is the mesh of commands without --mesh.
const DefaultMesh = "default"

const fileName = "mesh.json"

// MeshState is the content of mesh.json. Addresses are "host:port" or "unix:/path". It holds no secrets.
type MeshState struct {
	Mesh             string    `json:"mesh"`
	PID              int       `json:"pid"`
	StartedAt        time.Time `json:"startedAt"`
	AdminAddress     string    `json:"adminAddress"` // the control plane's read-only HTTP API
	XDSAddress       string    `json:"xdsAddress"`   // discovery over mutual TLS
	PlaintextAddress string    `json:"plaintextXDSAddress,omitempty"`
	TrustDomain      string    `json:"trustDomain,omitempty"` // of the workloads' SPIFFE ids
	ConfigDirs       []string  `json:"configDirs"`            // absolute; later ones override earlier ones
	IngressURLs      []string  `json:"ingressURLs,omitempty"` // where gateways listen on this machine
}

// ErrNotFound is what Load returns when no mesh of that name has written its state.
var ErrNotFound = errors.New("no such mesh")

var meshName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$`) })

// ValidName reports whether a mesh may be called so: as a DNS label, dots allowed, at most 63 characters.
func ValidName(mesh string) error {
	if !meshName().MatchString(mesh) {
		return fmt.Errorf("mesh name %q: use at most 63 lower-case letters, digits, '-' and '.', with a letter or digit at both ends", mesh)
	}
	return nil
}

// Root is the directory that holds the state of all meshes: xdgStateHome (the value of XDG_STATE_HOME, ignored unless
// absolute, as its specification says) or home/.local/state, then "meshctl".
func Root(home, xdgStateHome string) (string, error) {
	switch {
	case filepath.IsAbs(xdgStateHome):
		return filepath.Join(xdgStateHome, "meshctl"), nil
	case home != "":
		return filepath.Join(home, ".local", "state", "meshctl"), nil
	default:
		return "", errors.New("no state directory: set HOME or XDG_STATE_HOME")
	}
}

// Dir is the directory of one mesh below root.
func Dir(root, mesh string) string { return filepath.Join(root, mesh) }

// Load reads the state of a mesh. That it is there does not mean that the mesh runs: ask AdminAddress.
func Load(dir string) (MeshState, error) {
	var s MeshState
	path := filepath.Join(dir, fileName)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, fmt.Errorf("%w: %s does not exist", ErrNotFound, path)
	}
	if err != nil {
		return s, fmt.Errorf("read mesh state: %w", err)
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return s, fmt.Errorf("mesh state %s is damaged: %w", path, err)
	}
	return s, nil
}

// Save writes the state atomically with mode 0600 and creates dir with 0700.
func Save(dir string, s MeshState) (err error) {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("write mesh state: %w", err)
	}
	return WriteFile(filepath.Join(dir, fileName), append(data, '\n'))
}

// Remove deletes the state file of a mesh that ended; a file that is not there is no error.
func Remove(dir string) error {
	if err := os.Remove(filepath.Join(dir, fileName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove mesh state: %w", err)
	}
	return nil
}

// List returns the readable states below root, ordered by name. A root that does not exist holds none; damaged
// states are left out and reported together.
func List(root string) ([]MeshState, error) {
	entries, err := os.ReadDir(root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list meshes: %w", err)
	}
	var states []MeshState
	var damaged []error
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		s, err := Load(Dir(root, e.Name()))
		switch {
		case err == nil:
			states = append(states, s)
		case !errors.Is(err, ErrNotFound):
			damaged = append(damaged, err)
		}
	}
	return states, errors.Join(damaged...)
}
