// Command meshd is the control plane: it reads configuration, signs certificates and tells every Envoy what to do.
package main

import (
	"os"

	"github.com/meshctl/meshctl/internal/cli/meshd"
	"github.com/meshctl/meshctl/internal/cli/meshd/kubernetes"
)

func main() { os.Exit(meshd.Main(os.Args[1:], kubernetes.Run)) }
