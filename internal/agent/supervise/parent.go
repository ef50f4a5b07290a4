package supervise

import (
	"context"
	"io"
)

// WithParent returns a context that ends when pipe does. A parent that gives us the read end of a pipe, and never writes to
// it, takes us along however it dies. The pipe is not closed.
func WithParent(ctx context.Context, pipe io.Reader) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		_, _ = io.Copy(io.Discard, pipe)
	}()
	return ctx
}
