// Package looking is what the commands have in common that show the traffic of a mesh: stat, edges and top.
package looking

import (
	"context"
	"errors"
	"fmt"
	"strings"
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
	// Ref is what the user named, KIND/NAME; empty for everything.
	Ref string

	expr      filter.Expr
	ref       tap.Ref
	namespace string
}

// AddFlags defines the flags. watch is whether the command shows the traffic again and again by itself.
func (o *Options) AddFlags(cmd *cobra.Command, watch bool) {
	flags := cmd.Flags()
	o.Mesh.AddFlags(cmd, true)
	flags.BoolVarP(&o.AllNamespaces, "all-namespaces", "A", false, "in a cluster, all namespaces")
	flags.DurationVarP(&o.Window, "window", "w", 10*time.Second, "time that the numbers are about; without --watch it is waited for")
	flags.DurationVar(&o.Interval, "interval", 2*time.Second, "time between two looks")
	flags.StringVar(&o.Filter, "filter", "", "show only what an expression finds, e.g. 'err > 5%', '!mtls', 'ns = prod and rps > 10'")
	flags.StringVar(&o.Sort, "sort", "", "sort by this column, e.g. rps; -rps turns it around")
	o.Watch = watch
	if watch {
		flags.BoolVar(&o.Once, "once", false, "show it once, and end")
	} else {
		flags.BoolVar(&o.Watch, "watch", false, "show it again and again until interrupted")
		flags.BoolVar(&o.Once, "once", false, "show it once, and end (the default)")
	}
	o.Output.AddFlag(cmd, printer.FormatTable, printer.FormatWide, printer.FormatJSON, printer.FormatYAML)
}

func (o *Options) check() error {
	switch {
	case o.Window < time.Second || o.Window > traffic.Longest:
		return exitcode.Usagef("--window must be from 1s to %s, not %s", traffic.Longest, o.Window)
	case o.Interval < 100*time.Millisecond:
		return exitcode.Usagef("--interval must be 100ms at least, not %s", o.Interval)
	}
	var err error
	if o.expr, err = filter.Parse(o.Filter); err != nil {
		return exitcode.Usagef("--filter: %v", err)
	}
	if o.Ref != "" {
		if o.ref, err = tap.ParseRef(o.Ref); err != nil {
			return exitcode.Usagef("%v", err)
		}
	}
	return nil
}

// Run hands the traffic to show: once, or again and again until ctx ends, which is no error.
func (o *Options) Run(ctx context.Context, show func(*printer.Printer, topology.Graph) error) error {
	if err := o.check(); err != nil {
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
	namespace := mesh.DefaultNamespace()
	if o.Mesh.Namespace != "" {
		namespace = o.Mesh.Namespace
	}
	if o.AllNamespaces || o.ref.Kind == "namespace" {
		namespace = ""
	}
	o.namespace = namespace
	if o.Watch && !o.Once {
		return o.watch(ctx, mesh, namespace, p, show)
	}
	g, err := o.once(ctx, mesh)
	if err != nil {
		return mesh.Unreachable(err)
	}
	return o.print(p, g, namespace, show)
}

// once takes two samples, a window apart.
func (o *Options) once(ctx context.Context, mesh factory.ControlPlane) (topology.Graph, error) {
	feed := trafficfeed.New(mesh, o.namespace, o.Window)
	if g, err := feed.Next(ctx, o.Window); err != nil {
		return g, err
	}
	o.Factory.Say("counting for %s ...", o.Window)
	return feed.Next(ctx, o.Window)
}

func (o *Options) watch(ctx context.Context, mesh factory.ControlPlane, namespace string, p *printer.Printer, show func(*printer.Printer, topology.Graph) error) error {
	feed := trafficfeed.New(mesh, o.namespace, o.Interval)
	for first := true; ; {
		g, err := feed.Next(ctx, o.Window)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && lost(err) && !first:
			o.Factory.Say("%v; trying again", err)
			continue
		case err != nil:
			return mesh.Unreachable(err)
		case first && g.Window == 0:
			first = false
			continue // there are no rates yet
		}
		first = false
		if o.Factory.Terminal && !p.Format.Structured() {
			fmt.Fprint(p.Out, "\x1b[H\x1b[2J")
		}
		if err := o.print(p, g, namespace, show); err != nil {
			return err
		}
	}
}

func lost(err error) bool {
	return errors.Is(err, factory.ErrNoMesh) || errors.Is(err, remote.ErrNoControlPlane) || errors.Is(err, adminapi.ErrUnreachable)
}

func (o *Options) print(p *printer.Printer, g topology.Graph, namespace string, show func(*printer.Printer, topology.Graph) error) error {
	for _, s := range g.Silent {
		o.Factory.Say("no numbers of %s: %s", s.Proxy, s.Reason)
	}
	g = within(g.Clean(), namespace)
	if o.Ref != "" {
		g = o.about(g, namespace)
	}
	if !o.expr.Empty() {
		g = o.expr.Keep(g)
	}
	return show(p, g)
}

// Within reports whether a node is in the namespace that the user wants to see; a graph also has what is at the other ends of its edges.
func (o *Options) Within(n topology.Node) bool {
	return o.namespace == "" || n.Namespace == o.namespace || n.Name == o.namespace
}

// within keeps what a namespace takes part in.
func within(g topology.Graph, namespace string) topology.Graph {
	if namespace == "" {
		return g
	}
	return keep(g, func(n topology.Node) bool { return n.Namespace == namespace })
}

// about keeps what the user named, and its edges.
func (o *Options) about(g topology.Graph, namespace string) topology.Graph {
	return keep(g, func(n topology.Node) bool {
		return o.ref.Means(tap.Member{
			Instance: n.Name, Workload: n.Name, Namespace: n.Namespace, Services: []string{n.Service}, Gateway: n.Kind == topology.Gateway,
		}, namespace) || o.ref.Kind == "service" && (n.Service == o.ref.Name || n.Service+"."+n.Namespace == o.ref.Name)
	})
}

// keep keeps nodes, the edges that have one of them as an end, and what is at the other end.
func keep(g topology.Graph, wanted func(topology.Node) bool) topology.Graph {
	is, needed := map[string]bool{}, map[string]bool{}
	for _, n := range g.Nodes {
		is[n.ID] = wanted(n)
	}
	var edges []topology.Edge
	for _, e := range g.Edges {
		if is[e.From] || is[e.To] {
			edges = append(edges, e)
			needed[e.From], needed[e.To] = true, true
		}
	}
	var nodes []topology.Node
	for _, n := range g.Nodes {
		if is[n.ID] || needed[n.ID] {
			nodes = append(nodes, n)
		}
	}
	g.Nodes, g.Edges = nodes, edges
	return g
}

// Sorted orders rows by the column that the user named.
func Sorted[T any](o *Options, t printer.Table[T], rows []T) error {
	name := strings.TrimPrefix(o.Sort, "-")
	if name == "" {
		return nil
	}
	var names []string
	for _, c := range t.Columns {
		if strings.EqualFold(c.Name, name) {
			printer.Sort(c, rows, strings.HasPrefix(o.Sort, "-"))
			return nil
		}
		names = append(names, strings.ToLower(c.Name))
	}
	return exitcode.Usagef("--sort: there is no column %q; use one of %s", name, strings.Join(names, ", "))
}
