//go:build !linux

package supervise

import "syscall"

// DieWithParent has no help from these kernels: only an orderly end of ours takes the process along.
func DieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
