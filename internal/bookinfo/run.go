package bookinfo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"
)

// Run serves o.Service on o.Listener until ctx is done, lets running requests finish within o.Grace and returns nil.
// It returns an error when the options name no service or the listener fails.
func Run(ctx context.Context, o Options) error {
	if o.Listener == nil {
		return fmt.Errorf("bookinfo %s: no listener to serve on", o.Service)
	}
	defer o.Listener.Close() // Serve closes it too; this is for the errors before
	o = o.withDefaults()
	handler, err := NewHandler(o)
	if err != nil {
		return err
	}
	if t, ok := o.Transport.(interface{ CloseIdleConnections() }); ok {
		defer t.CloseIdleConnections()
	}
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          slog.NewLogLogger(o.Log.Handler(), slog.LevelWarn),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(o.Listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("bookinfo %s: serving %s: %w", o.Service, o.Listener.Addr(), err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), o.Grace)
	defer cancel()
	if server.Shutdown(grace) != nil {
		_ = server.Close() // cuts off what outlasts the grace; the listener is closed already
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("bookinfo %s: serving %s: %w", o.Service, o.Listener.Addr(), err)
	}
	return nil
}
