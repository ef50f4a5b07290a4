package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/meshctl/meshctl/internal/agent/admin"
	"github.com/meshctl/meshctl/internal/agent/bootstrap"
)

// listenersWithin is how long an Envoy with a configuration may lack listeners before it counts as ready without them: one
// may be refused, or the control plane may be away.
const listenersWithin = 3 * time.Second

// listening returns nil once Envoy listens at every port that this agent gave it. Its first configuration may be older than
// the registration, and so have none of these listeners: a program that was started then would find nobody.
func (a *agent) listening(ctx context.Context, client admin.Client, pid int) error {
	if a.o.Mode == bootstrap.ModeRedirect {
		return nil
	}
	if a.acceptedPID != pid {
		a.accepted, a.acceptedPID = time.Now(), pid
	}
	if time.Since(a.accepted) >= listenersWithin {
		return nil
	}
	bindings := a.board.get().Bindings
	if bindings == nil {
		return errors.New("the control plane has not said yet where to listen")
	}
	if len(bindings) == 0 {
		return nil
	}
	open, err := client.Listening(ctx)
	if err != nil {
		return err
	}
	for name, port := range bindings {
		if !open[port] {
			return fmt.Errorf("no listener %s yet", name)
		}
	}
	return nil
}
