// Package cert is the command `meshctl cert`: the workload certificates of the mesh.
package cert

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/adminapi"
	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/printer"
)

// Options of both subcommands.
type Options struct {
	Factory *factory.Factory
	Mesh    factory.Mesh
	Output  factory.Output
	Proxies []string
	All     bool
	Timeout time.Duration
}

// RunFunc does the work of a subcommand.
type RunFunc func(context.Context, *Options) error

// Row is the certificate of one proxy.
type Row struct {
	Proxy string `json:"proxy"`
	adminapi.Certificate
}

// NewCmd returns the command with its subcommands; runF replaces what they do, for tests.
func NewCmd(f *factory.Factory, runF RunFunc) *cobra.Command {
	cmd := &cobra.Command{
		Use: "cert", Aliases: []string{"certs"}, Short: "List or rotate the certificates of workloads",
		Example: `  meshctl cert list
  meshctl cert rotate productpage`,
	}
	cmd.AddCommand(listCmd(f, runF), rotateCmd(f, runF))
	return cmd
}

func (o *Options) bind(cmd *cobra.Command, run RunFunc) *cobra.Command {
	o.Mesh.AddFlags(cmd, true)
	cmd.ValidArgsFunction = o.Factory.CompleteProxy
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.Proxies = args
		ctx, cancel := context.WithTimeout(cmd.Context(), o.Timeout)
		defer cancel()
		return run(ctx, o)
	}
	o.Output.AddFlag(cmd, printer.Formats()...)
	return cmd
}

func listCmd(f *factory.Factory, runF RunFunc) *cobra.Command {
	o := &Options{Factory: f}
	if runF == nil {
		runF = list
	}
	cmd := o.bind(&cobra.Command{
		Use: "list [PROXY]...", Aliases: []string{"ls"}, Short: "List certificates, the one that expires first on top",
		Example: `  meshctl cert list
  meshctl cert list productpage -o json`,
	}, runF)
	cmd.Flags().DurationVar(&o.Timeout, "timeout", adminapi.DefaultTimeout, "how long to wait for the control plane")
	return cmd
}

func rotateCmd(f *factory.Factory, runF RunFunc) *cobra.Command {
	o := &Options{Factory: f}
	if runF == nil {
		runF = rotate
	}
	cmd := o.bind(&cobra.Command{
		Use: "rotate PROXY... | --all", Short: "Issue new certificates now, without dropping connections",
		Example: `  meshctl cert rotate productpage
  meshctl cert rotate --all`,
		Args: func(_ *cobra.Command, args []string) error {
			if (len(args) == 0) == !o.All {
				return exitcode.Usagef("name the proxies, or give --all")
			}
			return nil
		},
	}, runF)
	cmd.Flags().BoolVar(&o.All, "all", false, "rotate the certificates of all connected proxies")
	cmd.Flags().DurationVar(&o.Timeout, "timeout", 30*time.Second, "how long to wait for the new certificates")
	return cmd
}

func list(ctx context.Context, o *Options) error {
	p, err := o.Factory.Printer(o.Output)
	if err != nil {
		return err
	}
	_, proxies, err := o.proxies(ctx)
	if err != nil {
		return err
	}
	rows := []Row{}
	for _, proxy := range proxies {
		if proxy.Certificate != nil {
			rows = append(rows, Row{proxy.ID, *proxy.Certificate})
		}
	}
	slices.SortStableFunc(rows, func(a, b Row) int { return a.NotAfter.Compare(b.NotAfter) })
	return printer.Print(p, table(o.Factory.Now()), rows)
}

// proxies returns those that the arguments name, all of them without arguments.
func (o *Options) proxies(ctx context.Context) (factory.ControlPlane, []adminapi.Proxy, error) {
	mesh, err := o.Factory.ControlPlane(ctx, o.Mesh)
	if err != nil {
		return nil, nil, err
	}
	if len(o.Proxies) == 0 {
		all, err := mesh.Proxies(ctx)
		return mesh, all, mesh.Unreachable(err)
	}
	var named []adminapi.Proxy
	for _, name := range o.Proxies {
		proxy, err := mesh.Find(ctx, name)
		if err != nil {
			return nil, nil, mesh.Unreachable(err)
		}
		named = append(named, proxy)
	}
	return mesh, named, nil
}

// rotate goes on after a failure: the other certificates are as urgent.
func rotate(ctx context.Context, o *Options) error {
	p, err := o.Factory.Printer(o.Output)
	if err != nil {
		return err
	}
	mesh, proxies, err := o.proxies(ctx)
	if err != nil {
		return err
	}
	rows := []Row{}
	var failed []error
	for _, proxy := range proxies {
		if o.All && !proxy.Connected {
			o.Factory.Say("%s is not connected; left as it is", proxy.ID)
			continue
		}
		c, err := mesh.Rotate(ctx, proxy.ID)
		if err != nil {
			failed = append(failed, fmt.Errorf("rotate %s: %w", proxy.ID, mesh.Unreachable(err)))
			continue
		}
		rows = append(rows, Row{proxy.ID, c})
	}
	return errors.Join(append(failed, printer.Print(p, table(o.Factory.Now()), rows))...)
}

func table(now time.Time) printer.Table[Row] {
	return printer.Table[Row]{Columns: []printer.Column[Row]{
		{Name: "PROXY", Value: func(r Row) string { return r.Proxy }},
		{Name: "SPIFFE ID", Value: func(r Row) string { return r.SPIFFE }},
		{Name: "SERIAL", Value: func(r Row) string { return r.Serial }},
		{Name: "EXPIRES", Value: func(r Row) string { return r.NotAfter.UTC().Format(time.RFC3339) }},
		{Name: "LEFT", Value: func(r Row) string { return left(r, now) }, Level: func(r Row) printer.Level {
			if now.After(r.NotAfter) {
				return printer.Bad
			}
			return printer.Good
		}},
		{Name: "ISSUER", Value: func(r Row) string { return r.Issuer }},
		{Name: "ISSUED", Wide: true, Value: func(r Row) string { return r.NotBefore.UTC().Format(time.RFC3339) }},
	}}
}

func left(r Row, now time.Time) string {
	if now.After(r.NotAfter) {
		return "expired"
	}
	return r.NotAfter.Sub(now).Round(time.Minute).String()
}
