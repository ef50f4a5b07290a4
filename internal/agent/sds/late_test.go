package sds

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/meshctl/meshctl/internal/agent/certs"
	"github.com/meshctl/meshctl/internal/agent/discovery"
)

type still struct{}

func (still) Current() (certs.State, <-chan struct{}) { return certs.State{}, nil }

// A file that a DestinationRule names may be mounted after Envoy asked for it.
func TestFileThatComesLate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ca.pem")
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		receive := func() (int, error) { <-ctx.Done(); return 0, ctx.Err() }
		found := false
		push := func(state certs.State) error {
			if _, found = lookup(state, rootPrefix+path); found {
				cancel()
			}
			return os.WriteFile(path, []byte("x"), 0o600)
		}
		_ = discovery.Converse(ctx, Source(still{}), receive, func(int) {}, push)
		if !found {
			t.Error("not looked for again within a minute")
		}
	})
}
