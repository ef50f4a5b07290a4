package adminapi

import (
	"context"
	"time"

	"github.com/meshctl/meshctl/pkg/tap"
)

const (
	followFirst = 250 * time.Millisecond
	followMost  = 5 * time.Second
)

// Tapper shows requests of a mesh: a Client does.
type Tapper interface {
	Tap(ctx context.Context, r tap.Request, each func(tap.Line) error) error
}

// Follow is Tap for those who want to go on when the control plane is away for a while: it connects again, with growing pauses, and tells
// lost why. It returns nil when ctx ends, and the error of each. Before anything was shown it gives up at the first failure.
func Follow(ctx context.Context, t Tapper, r tap.Request, each func(tap.Line) error, lost func(error)) error {
	begun, pause := false, followFirst
	for {
		var own error
		err := t.Tap(ctx, r, func(l tap.Line) error {
			begun, pause = true, followFirst
			own = each(l)
			return own
		})
		switch {
		case ctx.Err() != nil, err == nil:
			return nil
		case own != nil:
			return own
		case !begun:
			return err
		}
		lost(err)
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
		pause = min(2*pause, followMost)
	}
}
