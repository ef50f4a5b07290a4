package remote

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/meshctl/meshctl/internal/adminapi"
	"github.com/meshctl/meshctl/pkg/tap"
)

// Tap shows requests of the mesh as adminapi.Client does, of the proxies of all replicas. It ends when one of them does: its proxies go to
// the others, or to a replica that was not there before.
func (c *Cluster) Tap(ctx context.Context, r tap.Request, each func(tap.Line) error) error {
	instances, err := c.Instances(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	m := &merged{each: each, of: make([]*tap.Status, len(instances))}
	failures := make([]error, len(instances))
	var running sync.WaitGroup
	for i, instance := range instances {
		running.Go(func() {
			failures[i] = instance.Tap(ctx, r, func(l tap.Line) error { return m.take(i, l) })
			if !idle(failures[i]) {
				cancel()
			}
		})
	}
	running.Wait()
	if all := func(err error) bool { return !idle(err) || err == nil }; slices.ContainsFunc(failures, all) {
		failures = slices.DeleteFunc(failures, idle) // a replica without such proxies is none that failed
	}
	return errors.Join(failures...)
}

// idle reports whether a replica has nothing to show, while another may.
func idle(err error) bool {
	var input *adminapi.InputError
	return errors.As(err, &input)
}

// DefaultNamespace is that of names which say none.
func (c *Cluster) DefaultNamespace() string { return c.Namespace }

// merged makes one answer of those of several replicas.
type merged struct {
	mu   sync.Mutex
	each func(tap.Line) error
	of   []*tap.Status
}

func (m *merged) take(i int, l tap.Line) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if l.Status == nil {
		return m.each(l)
	}
	m.of[i] = l.Status
	sum := tap.Status{Sample: 100}
	for _, s := range m.of {
		if s == nil {
			continue
		}
		sum.Proxies, sum.Reporting, sum.Dropped = sum.Proxies+s.Proxies, sum.Reporting+s.Reporting, sum.Dropped+s.Dropped
		sum.Silent, sum.Sample = append(sum.Silent, s.Silent...), min(sum.Sample, s.Sample)
		if len(s.Headers) > 0 {
			sum.Headers = s.Headers
		}
	}
	slices.SortFunc(sum.Silent, func(a, b tap.Silent) int { return strings.Compare(a.Proxy, b.Proxy) })
	return m.each(tap.Line{Status: &sum})
}
