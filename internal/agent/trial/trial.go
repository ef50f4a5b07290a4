// Package trial has another Envoy look at a configuration before the proxy is given it: that Envoy validates it and ends.
package trial

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/meshctl/meshctl/internal/agent/supervise"
)

// mark begins each of Envoy's messages; lines without it go on with one.
const mark = "meshctl-trial: "

// Refused says that Envoy looked at the configuration and does not take it.
type Refused struct {
	// Messages are Envoy's, each in one line.
	Messages []string
}

// Error joins the messages.
func (r *Refused) Error() string { return "Envoy refuses it: " + strings.Join(r.Messages, "; ") }

// Run validates the bootstrap in a file with the Envoy at a path. The error is a *Refused, or says why there was no verdict: Envoy cannot
// be run, was ended by a signal, or did not end within the time.
func Run(ctx context.Context, envoy, file string, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	runtime.LockOSThread() // see supervise: the child's life hangs on the thread
	defer runtime.UnlockOSThread()
	command := exec.CommandContext(ctx, envoy, "--mode", "validate", "-c", file, "-l", "error", "--log-format", mark+"%v")
	command.SysProcAttr, command.WaitDelay = supervise.DieWithParent(), time.Second
	output, err := command.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("a trial with Envoy: %w", ctx.Err())
	case errors.As(err, &exit) && exit.Exited():
		return &Refused{messages(string(output))}
	}
	return fmt.Errorf("a trial with Envoy: %w", err)
}

// messages takes Envoy's words apart, without the name of the file, which is nobody's.
func messages(output string) []string {
	var out []string
	for message := range strings.SplitSeq(output, mark) {
		message = strings.Join(strings.Fields(message), " ")
		if rest, ok := strings.CutPrefix(message, "error initializing configuration '"); ok {
			_, message, _ = strings.Cut(rest, "': ")
		}
		if message != "" {
			out = append(out, message)
		}
	}
	return out
}
