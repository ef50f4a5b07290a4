package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"
)

type options struct {
	layout
	Proxies, Changes    int
	Meshd, Address, Dir string
	Timeout             time.Duration
}

func run(ctx context.Context, o options, out, progress io.Writer) error {
	if o.Services < 1 || o.Proxies < 1 || o.Endpoints < 1 || o.Namespaces < 1 || o.Ports < 1 || o.Changes < 1 {
		return fmt.Errorf("all numbers must be positive")
	}
	work, err := os.MkdirTemp("", "scale-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	if o.Dir == "" {
		o.Dir = filepath.Join(work, "config")
	}
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return err
	}
	if err := o.write(o.Dir); err != nil {
		return err
	}
	if o.Meshd == "" {
		fmt.Fprintln(progress, "building meshd")
		if o.Meshd, err = build(ctx, work); err != nil {
			return err
		}
	}
	if o.Address, err = free(o.Address); err != nil {
		return err
	}
	meshd, err := start(o.Meshd, o.Dir, o.Address)
	if err != nil {
		return err
	}
	defer meshd.stop()
	if err := meshd.listening(ctx, o.Address, o.Timeout); err != nil {
		return err
	}
	m := &measurement{options: o, meshd: meshd, fleet: newFleet(o.layout, o.Address, o.Proxies), progress: progress}
	defer m.fleet.disconnect()
	if err := m.all(ctx); err != nil {
		return fmt.Errorf("%w\nmeshd wrote:\n%s", err, tail(meshd.log.String(), 2000))
	}
	return m.report(out)
}

// free replaces port 0 by one that nobody listens on.
func free(address string) (string, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return "", fmt.Errorf("%s is not free, choose another with -xds: %w", address, err)
	}
	return l.Addr().String(), l.Close()
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }
