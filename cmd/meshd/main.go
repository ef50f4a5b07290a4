// Command meshd is the control plane: it reads configuration, signs certificates and tells every Envoy what to do.
package main

import (
	"os"

	"github.com/meshctl/meshctl/internal/cli/meshd"
)

func main() { os.Exit(meshd.Main(os.Args[1:])) }
