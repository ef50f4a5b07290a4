package agent

import (
	"context"
	"path/filepath"
	"slices"
	"time"

	"github.com/meshctl/meshctl/internal/agent/bootstrap"
	"github.com/meshctl/meshctl/internal/agent/trial"
	"github.com/meshctl/meshctl/internal/meshstate"
)

// tryWithin bounds one look of Envoy at a bootstrap.
const tryWithin = 10 * time.Second

// acceptable returns the patches with which Envoy takes its bootstrap: all of them, or else those that it takes one after the other. A
// bootstrap that it refuses would keep it from running at all.
func (l *launcher) acceptable(ctx context.Context, patches []bootstrap.Patch) []bootstrap.Patch {
	if len(patches) == 0 || l.try(ctx, patches) == nil {
		return patches
	}
	var out []bootstrap.Patch
	for _, p := range patches {
		next := slices.Concat(out, []bootstrap.Patch{p})
		if err := l.try(ctx, next); err != nil {
			l.o.Log.Warn("patch of Envoy's bootstrap left out: Envoy refuses it", "error", err)
			continue
		}
		out = next
	}
	return out
}

// try has Envoy look at the bootstrap with patches, without running it.
func (l *launcher) try(ctx context.Context, patches []bootstrap.Patch) error {
	doc, err := l.render(patches)
	if err != nil {
		return err
	}
	path := filepath.Join(l.o.StateDir, "bootstrap-tried.json")
	if err := meshstate.WriteFile(path, doc); err != nil {
		return err
	}
	return trial.Run(ctx, l.o.EnvoyPath, path, tryWithin)
}
