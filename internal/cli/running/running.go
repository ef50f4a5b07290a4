// Package running reads the configuration of what runs, for commands that judge it or lay a change over it.
package running

import (
	"fmt"
	"strings"

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

// Unread says which of some kinds could not be read, and why. It names a few: the warnings name them all.
func (c Configuration) Unread(kinds []config.Kind) string {
	const few = 3
	var names []string
	for _, kind := range kinds[:min(few, len(kinds))] {
		names = append(names, kind.Name+" ("+c.Why[kind]+")")
	}
	more := ""
	if n := len(kinds) - few; n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	return "could not read " + strings.Join(names, ", ") + more
}

// meshName is how the standalone mesh is called in messages.
func meshName(name string) string {
	if name == meshstate.DefaultMesh {
		return "the running mesh"
	}
	return "mesh " + name
}
