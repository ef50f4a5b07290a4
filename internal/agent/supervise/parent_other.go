//go:build !linux

package supervise

import "syscall"

// dieWithParent has no help from these kernels: only an orderly end of ours takes the process along.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
