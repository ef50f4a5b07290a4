//go:build !linux

package standalone

import (
	"fmt"
	"os"
	"syscall"
)

// sameGroup has no help from these kernels: a program outlives us when we are killed with SIGKILL.
func sameGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }

// tie returns a pipe whose other end closes with us, however we end.
func tie() (leash, error) {
	theirs, ours, err := os.Pipe()
	if err != nil {
		return leash{}, fmt.Errorf("pipe to a child process: %w", err)
	}
	return leash{files: []*os.File{theirs}, held: ours}, nil
}
