// Package running reads the configuration of what runs, for commands that judge it or lay a change over it.
package running

import (
	"github.com/meshctl/meshctl/internal/meshstate"
	"github.com/meshctl/meshctl/pkg/config"
)

// Configuration is that of a running mesh or of a cluster.
type Configuration struct {
	Read config.Result
	// Complete and Missing are those of analyze.Input; Missing is nil when everything could be read.
	Complete, Missing func(config.Kind) bool
	// Why says why a kind is missing.
	Why map[config.Kind]string
	// Origin is what runs, for messages: "the running mesh", "cluster prod".
	Origin string
}

// meshName is how the standalone mesh is called in messages.
func meshName(name string) string {
	if name == meshstate.DefaultMesh {
		return "the running mesh"
	}
	return "mesh " + name
}
