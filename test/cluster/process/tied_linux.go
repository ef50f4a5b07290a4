package process

import "syscall"

// Tied ends a process with the test that started it, however that ends.
func Tied() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
