package standalone

import (
	"os"
	"path/filepath"
	"runtime"
)

// Programs are the command lines that start the other programs of the mesh.
type Programs struct{ Meshd, Agent []string }

// FindPrograms returns the programs that stand beside self, the executable of meshctl, or its own hidden commands: they do the
// same with a larger process.
func FindPrograms(self string) Programs {
	p := Programs{Meshd: []string{self, "internal", "meshd"}, Agent: []string{self, "internal", "agent"}}
	if resolved, err := filepath.EvalSymlinks(self); err == nil {
		self = resolved
	}
	if runtime.GOOS != "linux" {
		// There a child learns of our end through a pipe, which is for the hidden command.
		p.Meshd = []string{self, "internal", "meshd"}
	} else if path := filepath.Join(filepath.Dir(self), "meshd"); executable(path) {
		p.Meshd = []string{path}
	}
	if path := filepath.Join(filepath.Dir(self), "mesh-agent"); executable(path) {
		p.Agent = []string{path}
	}
	return p
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}
