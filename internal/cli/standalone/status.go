package standalone

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/adminapi"
	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/internal/standalone"
)

// StatusOptions of `meshctl standalone status`.
type StatusOptions struct {
	Factory *factory.Factory
	Output  factory.Output
	Timeout time.Duration
}

func statusCmd(f *factory.Factory, runF RunFunc) *cobra.Command {
	o := &StatusOptions{Factory: f}
	cmd := &cobra.Command{
		Use: "status", Short: "Show the mesh that runs on this machine and its workloads", Args: cobra.NoArgs,
		Example: `  meshctl standalone status
  meshctl standalone status -o json | jq -r '.ingressURLs[0]'`,
		RunE: func(cmd *cobra.Command, _ []string) error { return orElse(runF, status)(cmd.Context(), o) },
	}
	cmd.Flags().DurationVar(&o.Timeout, "timeout", adminapi.DefaultTimeout, "how long to wait for the control plane")
	o.Output.AddFlag(cmd, printer.FormatTable, printer.FormatWide, printer.FormatJSON, printer.FormatYAML)
	return cmd
}

func status(ctx context.Context, o *StatusOptions) error {
	p, err := o.Factory.Printer(o.Output)
	if err != nil {
		return err
	}
	dir, err := o.Factory.StateDir()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	s, err := standalone.GetStatus(ctx, dir)
	if err != nil {
		return o.Factory.NotRunning(err)
	}
	if p.Format.Structured() {
		return printer.Object(p, s)
	}
	if err := printer.Print(p, facts(s.Mesh), factsOf(s)); err != nil {
		return err
	}
	for _, line := range standalone.Findings(s.Problems, s.NotEnforced) {
		fmt.Fprintln(p.Out, printer.EscapeLines(line))
	}
	fmt.Fprintln(p.Out)
	return printer.Print(p, workloads(o.Factory.Now()), s.Workloads)
}

type fact struct {
	name, value string
	level       printer.Level
}

func facts(mesh string) printer.Table[fact] {
	return printer.Table[fact]{Columns: []printer.Column[fact]{
		{Name: "MESH", Value: func(f fact) string { return f.name }},
		{Name: mesh, Value: func(f fact) string { return f.value }, Level: func(f fact) printer.Level { return f.level }},
	}}
}

func factsOf(s standalone.Status) []fact {
	state := fact{"state", "everything is synced", printer.Good}
	switch {
	case !s.ControlPlane.Healthy:
		state = fact{"state", s.ControlPlane.Error, printer.Bad}
	case !s.Synced:
		state = fact{"state", "waiting for " + strings.Join(s.Waiting, ", "), printer.Warn}
	}
	out := []fact{
		state, {"process", fmt.Sprintf("%d, since %s", s.PID, s.StartedAt.Local().Format(time.DateTime)), 0},
	}
	for _, d := range s.ConfigDirs {
		out = append(out, fact{"configuration", d, 0})
	}
	for _, u := range s.IngressURLs {
		out = append(out, fact{"ingress", u, 0})
	}
	return append(out, fact{"discovery", s.ControlPlane.XDSAddress, 0}, fact{"admin", s.ControlPlane.AdminAddress, 0}, fact{"state directory", s.StateDir, 0})
}
