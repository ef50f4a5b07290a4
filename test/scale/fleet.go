package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// fleet is all simulated proxies.
type fleet struct {
	layout  layout
	address string
	known   *known
	proxies []*proxy

	ready   sync.WaitGroup // of proxies that do not have everything yet
	running sync.WaitGroup
	stop    context.CancelFunc
	failed  chan error

	bytes, resources, removals, messages atomic.Int64
}

func newFleet(l layout, address string, n int) *fleet {
	f := &fleet{layout: l, address: address, known: &known{resources: map[uint64]*distinct{}}, failed: make(chan error, n)}
	for i := range n {
		f.proxies = append(f.proxies, newProxy(f, i))
	}
	return f
}

func (f *fleet) count(r *response) {
	f.messages.Add(1)
	f.bytes.Add(int64(r.size))
	f.resources.Add(int64(len(r.resources)))
	f.removals.Add(int64(len(r.removed)))
}

// connect connects all proxies at once and returns when each has everything it asked for.
func (f *fleet) connect(ctx context.Context, timeout time.Duration) error {
	running, stop := context.WithCancel(ctx)
	f.stop = stop
	f.ready.Add(len(f.proxies))
	for _, p := range f.proxies {
		f.running.Go(func() {
			if err := p.run(running); err != nil && running.Err() == nil {
				f.failed <- err
			}
		})
	}
	done := make(chan struct{})
	go func() {
		f.ready.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case err := <-f.failed:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(timeout):
		return errors.New(f.laggards(timeout))
	}
}

// laggards says how far the proxies are; their goroutines have been stopped for that.
func (f *fleet) laggards(timeout time.Duration) string {
	f.disconnect()
	late, example := 0, ""
	for _, p := range f.proxies {
		if !p.ready {
			late++
			for name := range p.waiting {
				example = fmt.Sprintf("%s waits for %s", p.node.GetId(), name)
				break
			}
		}
	}
	return fmt.Sprintf("after %s, %d of %d proxies do not have everything they asked for; %s", timeout, late, len(f.proxies), example)
}

func (f *fleet) disconnect() {
	if f.stop != nil {
		f.stop()
		f.running.Wait()
	}
}
