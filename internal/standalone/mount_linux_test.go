package standalone

import "syscall"

// mountSmall makes a file system with hardly any room.
func mountSmall(dir string) error { return syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=16k") }

func unmount(dir string) error { return syscall.Unmount(dir, syscall.MNT_DETACH) }
