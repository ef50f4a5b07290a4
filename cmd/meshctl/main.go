// Command meshctl operates a service mesh, and runs a whole one on a laptop.
package main

import (
	"os"

	"github.com/meshctl/meshctl/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:])) }
