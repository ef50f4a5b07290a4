// Command mesh-agent runs next to each Envoy.
package main

import (
	"os"

	"github.com/meshctl/meshctl/internal/agent"
	"github.com/meshctl/meshctl/internal/version"
)

func main() {
	os.Exit(agent.Main(os.Args[1:], version.String(), os.Stdout, os.Stderr))
}
