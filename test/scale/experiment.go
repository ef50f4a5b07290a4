package main

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"time"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/proto"
)

// experiment is one change that all proxies are to have: those with a resource of type url whose content matches.
type experiment struct {
	url   string
	match func(value []byte) bool

	mu          sync.Mutex
	have        map[*proxy]bool
	want        int
	first, last time.Time
	done        chan struct{}
}

func newExperiment(url string, want int, match func([]byte) bool) *experiment {
	return &experiment{url: url, match: match, want: want, have: map[*proxy]bool{}, done: make(chan struct{})}
}

func (e *experiment) seen(p *proxy) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.have[p] {
		return
	}
	e.have[p] = true
	e.last = time.Now()
	if len(e.have) == 1 {
		e.first = e.last
	}
	if len(e.have) == e.want {
		close(e.done)
	}
}

func (e *experiment) wait(ctx context.Context, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	select {
	case <-e.done:
		return nil
	case <-ctx.Done():
		e.mu.Lock()
		defer e.mu.Unlock()
		return fmt.Errorf("%d of %d proxies have the change after %s: %w", len(e.have), e.want, timeout, ctx.Err())
	}
}

// splits matches route configurations in which the host's last route gives the weight to its first cluster.
func splits(host string, weight uint32) func([]byte) bool {
	return func(value []byte) bool {
		var c routev3.RouteConfiguration
		if !bytes.Contains(value, []byte(host)) || proto.Unmarshal(value, &c) != nil {
			return false
		}
		for _, vh := range c.GetVirtualHosts() {
			for _, r := range vh.GetRoutes() {
				w := r.GetRoute().GetWeightedClusters().GetClusters()
				if len(w) > 0 && bytes.Contains([]byte(w[0].GetName()), []byte(host)) && w[0].GetWeight().GetValue() == weight {
					return true
				}
			}
		}
		return false
	}
}

// contains matches resources with a text somewhere in them.
func contains(text string) func([]byte) bool {
	return func(value []byte) bool { return bytes.Contains(value, []byte(text)) }
}
