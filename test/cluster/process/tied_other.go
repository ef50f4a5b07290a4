//go:build !linux

package process

import "syscall"

// Tied has no counterpart here: a process whose test is killed has to be ended by hand.
func Tied() *syscall.SysProcAttr { return nil }
