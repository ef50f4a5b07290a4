package supervise

import "syscall"

// dieWithParent makes the kernel kill the process when we die, however we die. Its own process group keeps a terminal's
// Ctrl-C from it: we drain it first.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
