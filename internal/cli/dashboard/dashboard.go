// Package dashboard is the command `meshctl dashboard`: the traffic of a mesh as a picture, and the ways to the dashboards of others.
package dashboard

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/dashboard/draw"
	"github.com/meshctl/meshctl/pkg/dashboard/planned"
	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/pkg/topology/filter"
)

// The formats of --once.
const (
	formatText printer.Format = "text"
	formatDOT  printer.Format = "dot"
	formatSVG  printer.Format = "svg"
	formatHTML printer.Format = "html"
)

// Options of the command.
type Options struct {
	Factory *factory.Factory
	Mesh    factory.Mesh
	Output  factory.Output
	// Once prints one picture instead of showing a dashboard.
	Once   bool
	Window time.Duration
	// Replay and Record are files of a session.
	Replay, Record string
	Namespace      string
	// Plan lays the change of Files over the picture. Config is the configuration before it when a session is replayed.
	Plan          bool
	Files, Config []string
	Filter, Hide  string // expressions
	Collapse      string
	Labels        string
	MTLS, Bad     bool
	ASCII         bool
	Width         int // of text, in cells; 0 is that of the terminal, or as much as it takes

	change     config.Result                // of Files
	plan       atomic.Pointer[planned.Plan] // nil without one; another one when the configuration of what runs changes
	keep, drop filter.Expr
	level      topology.Level
	labelled   func() bool // whether the user has chosen labels
	ascii      func() bool // whether the user has chosen characters
}

// NewCmd returns the command with its subcommands; runF replaces what it does, for tests.
func NewCmd(f *factory.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	o := &Options{Factory: f}
	if runF == nil {
		runF = run
	}
	cmd := &cobra.Command{
		Use:     "dashboard",
		Aliases: []string{"dash", "d"},
		Short:   "Show who calls whom, how much, how fast and what fails",
		Long: `Show the traffic of a mesh as a picture: who calls whom, how much, how fast, what fails, what is encrypted, what is out of sync,
and what meshctl analyze finds wrong. Press ? for the keys.

--once prints one picture: text for a terminal or a ticket, svg and html for a document (one file, without scripts), dot for Graphviz, json
for programs. --replay shows a recorded session instead of the live mesh; with --once, its last picture.

--plan lays a change that is not applied yet over today's graph: the edges that the files of -f would make, end or give another share, and what
analysis finds with it and not without. Nothing is applied. Together with --replay, --config names the configuration as it is.

Expressions for --filter and --hide compare err (share of failed requests), rt (99th percentile in ms), p50, p95, rps, sent, received, connections,
name, ns, service, version, kind, protocol, host, from, to with =, !=, <, <=, >, >=, ~ (contains) and !~, or are words such as mtls, sidecar,
stale, rejected, finding, fault, idle; AND, OR, NOT and parentheses join them.`,
		Example: `  meshctl dashboard
  meshctl dashboard --once
  meshctl dashboard --once -o html > topology.html
  meshctl dashboard --once --filter 'err > 5% OR !mtls' --labels errors
  meshctl dashboard --replay incident.jsonl
  meshctl dashboard --plan -f canary.yaml
  meshctl dashboard --once --plan -f canary.yaml -o svg > canary.svg
  meshctl dashboard prometheus`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.complete(); err != nil {
				return err
			}
			return runF(cmd.Context(), o)
		},
	}
	o.Mesh.AddFlags(cmd, false)
	flags := cmd.Flags()
	o.labelled = func() bool { return flags.Changed("labels") }
	o.ascii = func() bool { return flags.Changed("ascii") }
	flags.BoolVar(&o.Once, "once", false, "print one picture and end")
	flags.DurationVarP(&o.Window, "window", "w", time.Minute, "time that rates and percentiles are about, 10s to 30m")
	flags.StringVar(&o.Replay, "replay", "", "show this recorded session instead of a mesh")
	flags.StringVar(&o.Record, "record", "", "record the session in this file, which must not exist")
	flags.BoolVar(&o.Plan, "plan", false, "show what the change in the files of -f would do to the graph")
	flags.StringArrayVarP(&o.Files, "filename", "f", nil, "with --plan, file, directory or pattern of the change, or -; may be repeated")
	flags.StringArrayVar(&o.Config, "config", nil, "with --plan and --replay, file, directory or pattern of the configuration as it is; may be repeated")
	flags.StringVarP(&o.Namespace, "namespace", "n", "", "only this namespace, and what it is connected with")
	flags.StringVar(&o.Filter, "filter", "", "only what this expression matches")
	flags.StringVar(&o.Hide, "hide", "", "without what this expression matches")
	flags.StringVar(&o.Collapse, "collapse", "workload", "what a node is: workload, service, namespace")
	flags.StringVar(&o.Labels, "labels", "none", "what is written on edges: none, rate, errors, p99, bytes [without --once, rate]")
	flags.BoolVar(&o.MTLS, "mtls", false, "colour edges by how they are secured")
	flags.BoolVar(&o.Bad, "bad", false, "only edges with which something is wrong")
	flags.BoolVar(&o.ASCII, "ascii", false, "draw with ASCII characters only [on a terminal whose locale is not UTF-8]")
	flags.IntVar(&o.Width, "width", 0, "with --once, cells that text may take [those of the terminal]")
	o.Output.AddFlag(cmd, formatText, printer.FormatJSON, formatDOT, formatSVG, formatHTML)
	cmd.AddCommand(subcommands(f)...)
	return cmd
}

// complete checks the flags.
func (o *Options) complete() error {
	var err error
	if _, err = o.Factory.Printer(o.Output); err != nil {
		return err
	}
	if !o.ascii() && o.Factory.Terminal {
		o.ASCII = !o.Factory.Unicode()
	}
	if o.Output.Given() && !o.Once {
		return exitcode.Usagef("-o is for --once")
	}
	if o.Record != "" && (o.Once || o.Replay != "") {
		return exitcode.Usagef("--record records a live dashboard: give it without --once and --replay")
	}
	if err := o.planTogether(); err != nil {
		return err
	}
	if o.Window < 10*time.Second || o.Window > 30*time.Minute {
		return exitcode.Usagef("--window %s: use 10s to 30m", o.Window)
	}
	if o.Width < 0 {
		return exitcode.Usagef("--width %d: use a number of cells", o.Width)
	}
	if o.keep, err = expression("--filter", o.Filter); err != nil {
		return err
	}
	if o.drop, err = expression("--hide", o.Hide); err != nil {
		return err
	}
	levels := map[string]topology.Level{"workload": topology.ByWorkload, "service": topology.ByService, "namespace": topology.ByNamespace}
	var ok bool
	if o.level, ok = levels[o.Collapse]; !ok {
		return exitcode.Usagef("--collapse %q: use workload, service or namespace", o.Collapse)
	}
	switch draw.Labels(o.Labels) {
	case "none", draw.RateLabels, draw.ErrorLabels, draw.LatencyLabel, draw.ByteLabels:
		return nil
	}
	return exitcode.Usagef("--labels %q: use none, rate, errors, p99 or bytes", o.Labels)
}

// expression reads one; the message shows where it is wrong.
func expression(flag, text string) (filter.Expr, error) {
	e, err := filter.Parse(text)
	if err != nil {
		return e, exitcode.Usagef("%s %q: %v", flag, text, err)
	}
	return e, nil
}

// shown is the part of a graph that flags ask for.
func (o *Options) shown(g topology.Graph) topology.Graph {
	if plan := o.plan.Load(); plan != nil {
		g = plan.Over(g)
	}
	if o.Namespace != "" {
		g = near(g, o.Namespace)
	}
	return o.drop.Hide(o.keep.Keep(g))
}

// near is a namespace, and what is connected with it.
func near(g topology.Graph, namespace string) topology.Graph {
	in, keep := map[string]bool{}, map[string]bool{}
	for _, n := range g.Nodes {
		in[n.ID] = n.Namespace == namespace
		keep[n.ID] = in[n.ID]
	}
	out := g
	out.Nodes, out.Edges = nil, nil
	for _, e := range g.Edges {
		if in[e.From] || in[e.To] {
			keep[e.From], keep[e.To] = true, true
			out.Edges = append(out.Edges, e)
		}
	}
	for _, n := range g.Nodes {
		if keep[n.ID] {
			out.Nodes = append(out.Nodes, n)
		}
	}
	return out
}

func (o *Options) drawing() draw.Options {
	d := draw.Options{MTLS: o.MTLS, OnlyBad: o.Bad, ASCII: o.ASCII, Colorless: !o.Factory.Color}
	if o.Labels != "none" {
		d.Labels = draw.Labels(o.Labels)
	}
	return d
}

func run(ctx context.Context, o *Options) error {
	if o.Once {
		return once(ctx, o)
	}
	if !o.Factory.Terminal || !o.Factory.InTerminal {
		return exitcode.Usagef("the dashboard needs a terminal: print one picture with --once")
	}
	return show(ctx, o)
}

// summary is the line above a picture.
func summary(g topology.Graph) string {
	text := fmt.Sprintf("%s over %s: %d nodes, %d edges", g.Time.UTC().Format(time.RFC3339), g.Window.Round(100*time.Millisecond), len(g.Nodes), len(g.Edges))
	if len(g.Silent) > 0 {
		text += fmt.Sprintf("; %d of %d proxies did not answer", len(g.Silent), g.Proxies)
	}
	if g.Plan != nil {
		text += "; " + g.Plan.Text()
	}
	return text
}
