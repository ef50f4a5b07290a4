// Package proxystatus is the command `meshctl proxy-status`: does every proxy run what it should?
package proxystatus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/adminapi"
	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/internal/remote"
)

// Options of the command.
type Options struct {
	Factory  *factory.Factory
	Mesh     factory.Mesh
	Output   factory.Output
	Proxy    string
	Watch    bool
	Interval time.Duration
	Timeout  time.Duration
	FailOn   []string
}

// NewCmd returns the command; runF replaces what it does, for tests.
func NewCmd(f *factory.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	o := &Options{Factory: f}
	if runF == nil {
		runF = run
	}
	cmd := &cobra.Command{
		Use:     "proxy-status [PROXY]",
		Aliases: []string{"ps"},
		Short:   "Show whether every proxy runs what it should",
		Long: `Show every proxy with the state of each type of configuration, the worst first:

  SYNCED     the proxy acknowledged the newest version; with the age of that acknowledgement
  STALE      a newer version is sent or due, and not acknowledged yet
  NOT SENT   there is nothing of this type for the proxy
  REJECTED   the proxy refused the newest version and runs its last good one

A rejection is followed by Envoy's own words and the objects, with file and line, that the refused resource came from.

--fail-on makes the command exit with 3: "rejected" when a proxy has refused something; "stale=30s" also when one has
been stale or disconnected for longer.`,
		Example: `  meshctl proxy-status
  meshctl ps reviews-v1
  meshctl ps --watch
  meshctl ps --fail-on stale=30s && echo all proxies are up to date`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: f.CompleteProxy,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				o.Proxy = args[0]
			}
			return runF(cmd.Context(), o)
		},
	}
	o.Mesh.AddFlags(cmd, true)
	cmd.Flags().BoolVarP(&o.Watch, "watch", "w", false, "show it again and again until interrupted")
	cmd.Flags().DurationVar(&o.Interval, "interval", 2*time.Second, "time between two looks with --watch")
	cmd.Flags().DurationVar(&o.Timeout, "timeout", adminapi.DefaultTimeout, "how long to wait for the control plane")
	cmd.Flags().StringSliceVar(&o.FailOn, "fail-on", nil, "exit with 3 on: rejected, stale=DURATION")
	o.Output.AddFlag(cmd, printer.Formats()...)
	return cmd
}

func run(ctx context.Context, o *Options) error {
	p, err := o.Factory.Printer(o.Output)
	if err != nil {
		return err
	}
	limits, err := parseFailOn(o.FailOn)
	if err != nil {
		return err
	}
	if o.Watch {
		return watch(ctx, o, p, limits)
	}
	report, err := look(ctx, o)
	if err != nil {
		return err
	}
	if err := report.print(p, o.Factory); err != nil {
		return err
	}
	if limits.exceeded(report.Proxies, o.Factory.Now()) {
		return exitcode.Found()
	}
	return nil
}

// look asks the control plane once.
func look(ctx context.Context, o *Options) (*Report, error) {
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	mesh, err := o.Factory.ControlPlane(ctx, o.Mesh)
	if err != nil {
		return nil, err
	}
	status, err := mesh.Status(ctx)
	if err != nil {
		return nil, mesh.Unreachable(err)
	}
	var proxies []adminapi.Proxy
	if o.Proxy == "" {
		proxies, err = mesh.Proxies(ctx)
	} else {
		proxies = make([]adminapi.Proxy, 1)
		proxies[0], err = mesh.Find(ctx, o.Proxy)
	}
	if err != nil {
		return nil, mesh.Unreachable(err)
	}
	if o.Proxy != "" && proxies[0].Type == "" {
		return nil, fmt.Errorf("the control plane does not know a proxy %s: is its pod injected, and does it run?", proxies[0].ID)
	}
	return newReport(status, proxies, o.Proxy != ""), nil
}

// watch looks again and again. A control plane that is away for a while is no reason to stop.
func watch(ctx context.Context, o *Options, p *printer.Printer, limits limits) error {
	if o.Interval <= 0 {
		return exitcode.Usagef("--interval must be positive, not %s", o.Interval)
	}
	tick := time.NewTicker(o.Interval)
	defer tick.Stop()
	for {
		report, err := look(ctx, o)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, factory.ErrNoMesh), errors.Is(err, remote.ErrNoControlPlane), errors.Is(err, adminapi.ErrUnreachable):
			o.Factory.Say("%v", err)
		case err != nil:
			return err
		default:
			if o.Factory.Terminal && !p.Format.Structured() {
				fmt.Fprint(p.Out, "\x1b[H\x1b[2J")
			}
			if err := report.print(p, o.Factory); err != nil {
				return err
			}
			if limits.exceeded(report.Proxies, o.Factory.Now()) {
				return exitcode.Found()
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
