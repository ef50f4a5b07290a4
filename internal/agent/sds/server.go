package sds

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"time"

	secretv3 "github.com/envoyproxy/go-control-plane/envoy/service/secret/v3"
	"google.golang.org/grpc"

	"github.com/meshctl/meshctl/internal/agent/certs"
)

// Source is where the secrets come from; certs.Manager is one.
type Source interface {
	// Current returns the state and a channel that closes when it changes.
	Current() (certs.State, <-chan struct{})
}

// Server serves the secrets of a Source. A name that has no secret yet is answered when it has one.
type Server struct {
	secretv3.UnimplementedSecretDiscoveryServiceServer
	source Source
	log    *slog.Logger
}

// New returns a Server; log may be nil.
func New(source Source, log *slog.Logger) *Server {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Server{source: source, log: log}
}

// Listen makes the Unix socket at path, for this user only. What a process before left there is removed.
func Listen(path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("socket for Envoy's secrets: %w", err)
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("socket for Envoy's secrets: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		_ = listener.Close()
		return nil, fmt.Errorf("socket for Envoy's secrets: %w", err)
	}
	return listener, nil
}

// Serve answers on listener until ctx ends, then closes it.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	server := grpc.NewServer(grpc.MaxRecvMsgSize(1<<20), grpc.ConnectionTimeout(5*time.Second))
	secretv3.RegisterSecretDiscoveryServiceServer(server, s)
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
	return fmt.Errorf("secret discovery: %w", err)
}

// lookAgain is how often files are looked for that were not there when Envoy asked: nothing tells us that they have come.
const lookAgain = 5 * time.Second

// converse drives one stream: it takes in requests and calls push after each, whenever the source changes, and now and then.
func converse[Request any](ctx context.Context, source Source, receive func() (Request, error), request func(Request), push func(certs.State) error) error {
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
