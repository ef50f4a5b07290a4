package agent

import (
	"context"
	"strings"
	"time"

	"github.com/meshctl/meshctl/internal/agent/bootstrap"
)

// drain takes the workload out of the mesh's load balancing, asks its peers to end their connections, and returns when they
// have or when the time is over.
func (a *agent) drain(ctx context.Context) {
	a.board.update(func(s *State) { s.Draining = true })
	a.link.SetHealth(false, "draining")
	if a.o.DrainDuration < 0 || !a.board.get().Ready {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, a.o.DrainDuration)
	defer cancel()
	client := a.admin()
	inbound := a.inboundPorts()
	if err := client.Drain(ctx, inbound != nil); err != nil {
		a.o.Log.Warn("Envoy stops without draining", "error", err)
		return
	}
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		open, err := client.Connections(ctx, inbound)
		if err == nil && open == 0 {
			return
		}
		select {
		case <-ctx.Done():
			a.o.Log.Warn("drain time is over", "openConnections", open, "after", a.o.DrainDuration)
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
