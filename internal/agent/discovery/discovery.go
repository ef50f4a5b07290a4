// Package discovery is what the agent's own discovery services for Envoy, on a Unix socket, have in common.
package discovery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"google.golang.org/grpc"
)

// Listen makes the Unix socket at path, for this user only. What a process before left there is removed.
func Listen(path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("socket for Envoy: %w", err)
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("socket for Envoy: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		_ = listener.Close()
		return nil, fmt.Errorf("socket for Envoy: %w", err)
	}
	return listener, nil
}

// Service adds itself to a gRPC server.
type Service interface {
	Register(grpc.ServiceRegistrar)
}

// Serve answers on listener until ctx ends, then closes it.
func Serve(ctx context.Context, listener net.Listener, services ...Service) error {
	server := grpc.NewServer(grpc.MaxRecvMsgSize(1<<20), grpc.ConnectionTimeout(5*time.Second))
	for _, s := range services {
		s.Register(server)
	}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		<-ctx.Done()
		server.Stop()
	}()
	err := server.Serve(listener)
	if ctx.Err() != nil {
		<-stopped
		return nil
	}
	return fmt.Errorf("discovery for Envoy: %w", err)
}

// Source is where the state comes from that a service tells Envoy.
type Source[State any] interface {
	// Current returns the state and a channel that closes when it changes.
	Current() (State, <-chan struct{})
}

// lookAgain is how often files are looked for that were not there when Envoy asked: nothing tells us that they have come.
const lookAgain = 5 * time.Second

// Converse drives one stream: it takes in requests and calls push after each, whenever the source changes, and now and then.
func Converse[State, Request any](ctx context.Context, source Source[State], receive func() (Request, error), request func(Request), push func(State) error) error {
	requests := make(chan Request)
	failed := make(chan error, 1)
	go func() {
		for {
			r, err := receive()
			if err != nil {
				failed <- err
				return
			}
			select {
			case requests <- r:
			case <-ctx.Done():
				return
			}
		}
	}()
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	for {
		state, changed := source.Current()
		if err := push(state); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-failed:
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		case r := <-requests:
			request(r)
		case <-changed:
		case <-tick.C:
		}
	}
}
