// Package looking is what the commands have in common that show the traffic of a mesh: stat, edges and top.
package looking

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/adminapi"
	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/internal/remote"
	"github.com/meshctl/meshctl/internal/trafficfeed"
	"github.com/meshctl/meshctl/pkg/tap"
	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/pkg/topology/filter"
	"github.com/meshctl/meshctl/pkg/traffic"
)

// Options are the flags of such a command.
type Options struct {
	Factory          *factory.Factory
	Mesh             factory.Mesh
	Output           factory.Output
	Window, Interval time.Duration
	Watch, Once      bool
	AllNamespaces    bool
	Filter, Sort     string
	// Ref is what the user named, KIND/NAME or NAME; empty for everything.
	Ref string

	live bool
	expr filter.Expr
	ref  tap.Ref
	// namespace is that of names which say none, and of what is shown when nothing is named; empty for all.
	namespace string
}

// Command completes a command with its flags. live commands show the traffic again and again by themselves; named hears what the user named; run
// is what it does.
func (o *Options) Command(cmd *cobra.Command, live bool, named func(string) error, run func(context.Context) error) *cobra.Command {
	cmd.Args = cobra.MaximumNArgs(1)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		for _, arg := range args {
			if err := named(arg); err != nil {
				return err
			}
		}
		return run(cmd.Context())
	}
	flags := cmd.Flags()
	o.Mesh.AddFlags(cmd, true)
	flags.BoolVarP(&o.AllNamespaces, "all-namespaces", "A", false, "in a cluster, all namespaces")
	flags.DurationVarP(&o.Window, "window", "w", 10*time.Second, "time that the numbers are about; where they are shown once, it is waited for")
	flags.DurationVar(&o.Interval, "interval", 2*time.Second, "with --watch, time between two looks")
	flags.StringVar(&o.Filter, "filter", "", "show only what an expression finds, e.g. 'err > 5%', '!mtls', 'ns = prod and rps > 10'")
	flags.StringVar(&o.Sort, "sort", o.Sort, "sort by this column, e.g. rps; -rps turns it around")
	once, watch := " (the default)", ""
	if o.live = live; live {
		once, watch = "", " (the default)"
	}
	flags.BoolVar(&o.Once, "once", false, "show it once, and end"+once)
	flags.BoolVar(&o.Watch, "watch", false, "show it again and again until interrupted"+watch)
	o.Output.AddFlag(cmd, printer.FormatTable, printer.FormatWide, printer.FormatJSON, printer.FormatYAML)
	return cmd
}

// Name takes what the user named.
func (o *Options) Name(arg string) error {
	ref, err := tap.ParseRef(arg)
	if err != nil {
		return exitcode.Usagef("%v", err)
	}
	o.Ref, o.ref = arg, ref
	return nil
}

func (o *Options) check() error {
	switch {
	case o.Window < time.Second || o.Window > traffic.Longest:
		return exitcode.Usagef("--window must be from 1s to %s, not %s", traffic.Longest, o.Window)
	case o.Interval < 100*time.Millisecond:
		return exitcode.Usagef("--interval must be 100ms at least, not %s", o.Interval)
	case o.Once && o.Watch:
		return exitcode.Usagef("--once and --watch: give one of them")
	}
	var err error
	if o.expr, err = filter.Parse(o.Filter); err != nil {
		return exitcode.Usagef("--filter: %v", err)
	}
	return nil
}

// Run shows the rows of the traffic: once, or again and again until ctx ends, which is no error.
func Run[T any](ctx context.Context, o *Options, table printer.Table[T], rows func(topology.Graph) []T) error {
	if err := o.check(); err != nil {
		return err
	}
	column, reverse, err := sortBy(o, table)
	if err != nil {
		return err
	}
	p, err := o.Factory.Printer(o.Output)
	if err != nil {
		return err
	}
	mesh, err := o.Factory.ControlPlane(ctx, o.Mesh)
	if err != nil {
		return err
	}
	o.narrow(mesh)
	print := func(p *printer.Printer, g topology.Graph) (int, error) {
		list := rows(o.selected(g))
		if column != nil {
			printer.Sort(*column, list, reverse)
		}
		return len(list), printer.Print(p, table, list)
	}
	if o.Watch || o.live && !o.Once {
		return o.watch(ctx, mesh, &screen{factory: o.Factory, p: p, print: print})
	}
	g, err := o.once(ctx, mesh)
	if err != nil {
		return mesh.Unreachable(err)
	}
	for _, s := range g.Silent {
		o.Factory.Say("%s", silent(s))
	}
	if err := o.missing(g); err != nil {
		return err
	}
	n, err := print(p, g)
	if n == 0 && err == nil {
		o.Factory.Say("%s", o.nothing())
	}
	return err
}

// narrow finds out the namespace that is meant.
func (o *Options) narrow(mesh factory.ControlPlane) {
	switch {
	case o.AllNamespaces || o.ref.Kind == "namespace":
		o.namespace = ""
	case o.Mesh.Namespace != "":
		o.namespace = o.Mesh.Namespace
	default:
		o.namespace = mesh.DefaultNamespace()
	}
}

// once takes two samples, a window apart.
func (o *Options) once(ctx context.Context, mesh factory.ControlPlane) (topology.Graph, error) {
	feed := trafficfeed.New(mesh, o.asked(), o.Window)
	if g, err := feed.Next(ctx, o.Window); err != nil {
		return g, err
	}
	o.Factory.Say("counting for %s ...", o.Window)
	g, err := feed.Next(ctx, o.Window)
	return g.Clean(), err
}

func (o *Options) watch(ctx context.Context, mesh factory.ControlPlane, s *screen) error {
	feed := trafficfeed.New(mesh, o.asked(), o.Interval)
	down := false
	for first := true; ; first = false {
		g, err := feed.Next(ctx, o.Window)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && lost(err) && !first:
			if !down {
				o.Factory.Say("%v; trying again", err)
			}
			down = true
			continue
		case err != nil:
			return mesh.Unreachable(err)
		case first && g.Window == 0:
			continue // there are no rates yet
		}
		if s.shown == 0 {
			if err := o.missing(g); err != nil {
				return err
			}
		}
		down = false
		if err := s.show(g.Clean()); err != nil {
			return err
		}
	}
}

func lost(err error) bool {
	return errors.Is(err, factory.ErrNoMesh) || errors.Is(err, remote.ErrNoControlPlane) || errors.Is(err, adminapi.ErrUnreachable)
}
