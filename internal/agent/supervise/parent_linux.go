package supervise

import "syscall"

// DieWithParent are the attributes with which the kernel kills a process when the thread that started it ends, and so when
// we die, however we die. Its own process group keeps a terminal's Ctrl-C from it: we stop it when its time comes.
func DieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
