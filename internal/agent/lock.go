package agent

import (
	"fmt"
	"os"
	"syscall"
)

// lock keeps two agents from sharing a state directory. The kernel lets go of it however we end.
func lock(path string) (func(), error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("state directory of the agent: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("another agent uses this state directory: %s: %w", path, err)
	}
	return func() { _ = file.Close() }, nil
}
