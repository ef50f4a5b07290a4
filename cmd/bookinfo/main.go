// Command bookinfo is one service of the Bookinfo sample application, as containers run it.
package main

import (
	"os"

	"github.com/meshctl/meshctl/internal/bookinfo"
)

func main() { os.Exit(bookinfo.Main(os.Args[1:], os.Stdout, os.Stderr)) }
