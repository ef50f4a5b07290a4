package cli_test

import (
	"context"
	"slices"
	"time"

	"github.com/meshctl/meshctl/internal/adminapi"
	"github.com/meshctl/meshctl/pkg/tap"
	"github.com/meshctl/meshctl/pkg/traffic"
	"github.com/meshctl/meshctl/pkg/traffic/sample"
)

// Traffic is what was counted after as many seconds as there were looks, so that rates do not depend on when somebody looks.
func (f fixture) Traffic(context.Context, string) (traffic.Report, error) {
	n := f.looks.Add(1)
	r := f.Counted
	r.Time = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).Add(time.Duration(n) * time.Second)
	r.Proxies = slices.Clone(r.Proxies)
	for i := range r.Proxies {
		s := &r.Proxies[i].Sample
		s.Epoch, s.Time = "1", r.Time
		s.Hosts, s.Clusters, s.Inbound = slices.Clone(s.Hosts), slices.Clone(s.Clusters), slices.Clone(s.Inbound)
		for j := range s.Hosts {
			h := &s.Hosts[j]
			times(n, &h.Requests, &h.Failed)
		}
		for j := range s.Clusters {
			c := &s.Clusters[j]
			times(n, &c.Sent, &c.Received, &c.Retries)
			c.Latency = latency(n, c.Latency)
		}
		for j := range s.Inbound {
			in := &s.Inbound[j]
			times(n, &in.Requests, &in.Failed, &in.Sent, &in.Received)
			in.Latency = latency(n, in.Latency)
		}
	}
	return r, nil
}

func times(n int64, counters ...*uint64) {
	for _, c := range counters {
		*c *= uint64(n)
	}
}

func latency(n int64, h sample.Histogram) sample.Histogram {
	h = slices.Clone(h)
	for i := range h {
		times(n, &h[i].Count)
	}
	return h
}

// Tap shows what there is, and then nothing.
func (f fixture) Tap(ctx context.Context, r tap.Request, emit func(tap.Line) error) error {
	if len(r.Targets) > 0 && r.Targets[0].Name == "nix" {
		return &adminapi.InputError{Message: "nobody in the mesh is called nix"}
	}
	for _, l := range f.Tapped {
		if err := emit(l); err != nil {
			return err
		}
	}
	<-ctx.Done()
	return nil
}
