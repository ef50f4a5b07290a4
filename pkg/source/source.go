// Package source defines where configuration comes from. Its subpackages watch a directory (dir), hold objects in
// memory (memory) and lay one source over another (overlay); sourcetest is the conformance suite that all of them pass.
package source

import (
	"context"

	"github.com/meshctl/meshctl/pkg/config"
)

// Source pushes configuration: the full state first, then increments.
type Source interface {
	// Run calls emit from one goroutine, first with a Full batch (an empty source emits an empty one), then with a
	// batch for every change, until ctx is done; it returns nil then. It returns an error only when the source can
	// never deliver (the directory does not exist); trouble with single objects is a Problem in a batch. Run leaves
	// no goroutine behind.
	Run(ctx context.Context, emit func(config.Batch)) error
}
