package portforward

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
)

// Serve joins each connection that l accepts with one that dial makes, until ctx ends or l fails. failed is told why one could not be made. When
// it returns, l and all connections are closed.
func Serve(ctx context.Context, l net.Listener, dial func(context.Context) (net.Conn, error), failed func(error)) error {
	var open sync.WaitGroup
	defer open.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	for {
		near, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return nil
			}
			return err
		}
		open.Go(func() {
			defer near.Close()
			far, err := dial(ctx)
			if err != nil {
				if ctx.Err() == nil {
					failed(err)
				}
				return
			}
			join(ctx, near, far)
		})
	}
}

// join copies both ways until one side ends, or ctx does.
func join(ctx context.Context, near, far net.Conn) {
	var both sync.WaitGroup
	closed := sync.OnceFunc(func() {
		_ = near.Close()
		_ = far.Close()
	})
	defer context.AfterFunc(ctx, closed)()
	both.Go(func() {
		_, _ = io.Copy(far, near)
		closed()
	})
	both.Go(func() {
		_, _ = io.Copy(near, far)
		closed()
	})
	both.Wait()
}
