package standalone

import "syscall"

// sameGroup makes the kernel kill the process when we die, however we die. It stays in our process group: only so may it use
// our terminal.
func sameGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

// tie is what children need to notice our end; here the kernel sees to it.
func tie() (leash, error) { return leash{}, nil }
