package main

import (
	"context"
	"fmt"
	"io"
	"time"
)

// measurement runs the experiments one after the other.
type measurement struct {
	options
	meshd    *process
	fleet    *fleet
	progress io.Writer

	load      time.Duration // CPU from the start until the configuration is read
	first     result
	peak      int64 // after the first full configuration
	peakAll   int64 // after everything
	weight    result
	endpoint  result
	reconnect result
	bytesEach int64 // of a full configuration
	eachHas   int64 // resources
}

// result is the mean of an experiment's repetitions.
type result struct {
	cpu         time.Duration
	first, last time.Duration // until the first and the last proxy had it
	bytes       int64
	resources   int64
	messages    int64
}

func (m *measurement) all(ctx context.Context) error {
	var err error
	if m.load, err = m.meshd.idle(ctx); err != nil {
		return err
	}
	fmt.Fprintf(m.progress, "connecting %d proxies\n", m.Proxies)
	if m.first, err = m.connect(ctx); err != nil {
		return err
	}
	m.bytesEach, m.eachHas = m.first.bytes/int64(m.Proxies), m.first.resources/int64(m.Proxies)
	if m.peak, err = m.meshd.peak(); err != nil {
		return err
	}
	fmt.Fprintln(m.progress, "changing weights")
	m.weight, err = m.mean(ctx, func(i int) (*experiment, string, string) {
		service, weight := i%m.Services, 10+i%40
		return newExperiment(routeURL, m.Proxies, splits(m.host(service), uint32(weight))), m.file(m.Dir, "route", service), m.route(service, weight)
	})
	if err != nil {
		return fmt.Errorf("weight change: %w", err)
	}
	fmt.Fprintln(m.progress, "moving endpoints")
	m.endpoint, err = m.mean(ctx, func(i int) (*experiment, string, string) {
		// Not a service whose first endpoint is one of our proxies: that one's listeners would change, too.
		service, ip := (m.Services-1-i%m.Services+m.Services)%m.Services, fmt.Sprintf("10.250.%d.%d", i/250, 1+i%250)
		return newExperiment(endpointURL, m.Proxies, contains(ip)), m.file(m.Dir, "service", service), m.service(service, ip)
	})
	if err != nil {
		return fmt.Errorf("endpoint change: %w", err)
	}
	fmt.Fprintln(m.progress, "reconnecting")
	m.fleet.disconnect()
	if _, err := m.meshd.idle(ctx); err != nil {
		return err
	}
	if m.reconnect, err = m.connect(ctx); err != nil {
		return err
	}
	m.peakAll, err = m.meshd.peak()
	return err
}

// around measures what meshd and the proxies do from before act until meshd is idle again.
func (m *measurement) around(ctx context.Context, act func() error) (result, error) {
	before, err := m.meshd.idle(ctx)
	if err != nil {
		return result{}, err
	}
	f := m.fleet
	bytes, resources, messages := f.bytes.Load(), f.resources.Load()+f.removals.Load(), f.messages.Load()
	if err := act(); err != nil {
		return result{}, err
	}
	after, err := m.meshd.idle(ctx)
	return result{
		cpu: after - before, bytes: f.bytes.Load() - bytes, resources: f.resources.Load() + f.removals.Load() - resources,
		messages: f.messages.Load() - messages,
	}, err
}

func (m *measurement) connect(ctx context.Context) (result, error) {
	begin, took := time.Now(), time.Duration(0)
	r, err := m.around(ctx, func() error {
		begin = time.Now()
		err := m.fleet.connect(ctx, m.Timeout)
		took = time.Since(begin)
		return err
	})
	r.last = took
	return r, err
}

// mean makes a change several times, each a new one, and waits until every proxy has it.
func (m *measurement) mean(ctx context.Context, change func(i int) (e *experiment, file, text string)) (result, error) {
	var sum result
	for i := range m.Changes {
		e, file, text := change(i)
		m.fleet.known.watch(e)
		var begin time.Time
		r, err := m.around(ctx, func() error {
			begin = time.Now()
			if err := replace(file, text); err != nil {
				return err
			}
			return e.wait(ctx, m.Timeout)
		})
		if err != nil {
			return sum, err
		}
		sum.cpu += r.cpu
		sum.bytes += r.bytes
		sum.resources += r.resources
		sum.messages += r.messages
		sum.first += e.first.Sub(begin)
		sum.last += e.last.Sub(begin)
	}
	n := int64(m.Changes)
	return result{
		cpu: sum.cpu / time.Duration(n), first: sum.first / time.Duration(n), last: sum.last / time.Duration(n),
		bytes: sum.bytes / n, resources: sum.resources / n, messages: sum.messages / n,
	}, nil
}
