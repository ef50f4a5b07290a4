package standalone

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/meshctl/meshctl/internal/meshstate"
)

// Running returns the process that runs the mesh in dir; false when none does. It asks the kernel who holds the mesh's lock, so
// that what a dead process left is never taken for a mesh, nor another process for ours.
func Running(dir string) (Holder, bool, error) { return holder(Layout{dir}.lock()) }

// Down asks the process that runs the mesh in dir to end, and waits until it has or ctx ends. The error is
// meshstate.ErrNotFound when none runs.
func Down(ctx context.Context, dir string) error {
	h, running, err := Running(dir)
	if err != nil {
		return err
	}
	if !running {
		return meshstate.ErrNotFound
	}
	if err := syscall.Kill(h.PID, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("stop process %d: %w", h.PID, err)
	}
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		now, running, err := Running(dir)
		if err != nil || !running || now != h {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the mesh is still stopping (process %d): look again in a moment, or end it at once with a second SIGTERM", h.PID)
		case <-ticker.C:
		}
	}
}
