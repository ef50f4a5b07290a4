//go:build !linux

// Command ctl runs Kubernetes clusters on Linux.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "nodes run on Linux only")
	os.Exit(1)
}
