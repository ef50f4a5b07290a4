package agent

import (
	"context"
	"strings"
	"time"

	"github.com/meshctl/meshctl/internal/agent/admin"
	"github.com/meshctl/meshctl/internal/agent/bootstrap"
)

// drain takes the workload out of the mesh's load balancing, asks its peers to end their connections, and returns when they
// have or when the time is over.
func (a *agent) drain(ctx context.Context) {
	a.board.update(func(s *State) { s.Draining = true })
	a.link.SetHealth(false, "draining")
	limit := a.launcher.drainTime()
	if limit <= 0 || !a.board.get().Ready {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	client := a.admin()
	inbound := a.inboundPorts()
	if err := client.Drain(ctx, inbound != nil); err != nil {
		a.o.Log.Warn("Envoy stops without draining", "error", err)
		return
	}
	a.untilIdle(ctx, func() (admin.Load, error) { return client.Load(ctx, inbound) })
}

// quiet is how long nothing may happen before idle connections are cut: by then the mesh sends nothing here any more, and
// its proxies keep idle connections for hours.
const quiet = 500 * time.Millisecond

// untilIdle returns when no connection is left, when those that are left were idle for a while, or when ctx ends.
func (a *agent) untilIdle(ctx context.Context, look func() (admin.Load, error)) {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	busy := time.Now()
	for {
		load, err := look()
		if err != nil || load.Busy > 0 {
			busy = time.Now()
		}
		if err == nil && (load.Connections == 0 || time.Since(busy) >= quiet) {
			return
		}
		select {
		case <-ctx.Done():
			a.o.Log.Warn("drain time is over", "openConnections", load.Connections, "busy", load.Busy, "after", a.launcher.drainTime())
			return
		case <-ticker.C:
		}
	}
}

// inboundPorts are the ports at which others reach a sidecar, whose program may call out until the end; nil for a gateway:
// all.
func (a *agent) inboundPorts() map[uint32]bool {
	if a.o.Type == bootstrap.TypeRouter {
		return nil
	}
	ports := map[uint32]bool{}
	if a.o.Mode == bootstrap.ModeRedirect {
		ports[15006] = true
	}
	for name, port := range a.book.Ports() {
		if strings.HasPrefix(name, "inbound|") {
			ports[port] = true
		}
	}
	return ports
}
