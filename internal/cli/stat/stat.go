// Package stat is the command `meshctl stat`: how much workloads, services and gateways get, how fast they answer and what fails.
package stat

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/cli/looking"
	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/pkg/topology/tables"
)

// Options of the command.
type Options struct {
	looking.Options
	// Level is what one row stands for; Kind keeps one kind only.
	Level topology.Level
	Kind  topology.Kind
	Name  string
}

// NewCmd returns the command; runF replaces what it does, for tests.
func NewCmd(f *factory.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	o := &Options{Options: looking.Options{Factory: f}}
	if runF == nil {
		runF = run
	}
	cmd := &cobra.Command{
		Use:   "stat [KIND[/NAME]]",
		Short: "Show what workloads get: requests, success, latency, connections",
		Long: `Show what each workload, service, gateway or namespace gets, as its proxies have counted it: the share of requests that
succeed, requests a second, percentiles of the time that answers take, and connections; with -o wide bytes, retries and
more. No Prometheus is needed: the proxies are asked now and once more when the window is over.

KIND is workload (deploy, ...), service (svc), gateway or namespace (ns). MESHED says how many of the instances have a
proxy. What is "-" could not be measured.`,
		Example: `  meshctl stat
  meshctl stat svc
  meshctl stat deploy/reviews-v1 -o wide
  meshctl stat ns -A -w 1m
  meshctl stat --watch --sort p99
  meshctl stat --filter 'err > 1%' -o json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				if err := o.parse(args[0]); err != nil {
					return err
				}
			}
			return runF(cmd.Context(), o)
		},
	}
	o.AddFlags(cmd, false)
	return cmd
}

// kinds are the words for what a row stands for.
func kind(word string) (level topology.Level, kind topology.Kind, ok bool) {
	switch word {
	case "workload", "workloads", "wl", "deploy", "deployment", "deployments", "sts", "statefulset", "ds", "daemonset", "pod", "pods", "po":
		return topology.ByWorkload, topology.Workload, true
	case "gateway", "gateways", "gw":
		return topology.ByWorkload, topology.Gateway, true
	case "service", "services", "svc":
		return topology.ByService, topology.Workload, true
	case "namespace", "namespaces", "ns":
		return topology.ByNamespace, topology.NamespaceKind, true
	}
	return 0, "", false
}

func (o *Options) parse(arg string) error {
	word, name, named := strings.Cut(arg, "/")
	level, kind, ok := kind(word)
	switch {
	case !ok && !named:
		o.Name = arg // a name of any kind
		return nil
	case !ok:
		return exitcode.Usagef("%q: there is no kind %q here; use workload (or deploy, sts, ...), svc, gateway or ns", arg, word)
	case named && name == "":
		return exitcode.Usagef("%q: give a name after the kind, or the kind alone", arg)
	}
	o.Level, o.Kind, o.Name = level, kind, name
	return nil
}

func run(ctx context.Context, o *Options) error {
	return o.Run(ctx, func(p *printer.Printer, g topology.Graph) error {
		rows := slices.DeleteFunc(topology.Collapse(g, o.Level).Nodes, func(n topology.Node) bool { return !o.shows(n) })
		if len(rows) == 0 && !p.Format.Structured() {
			o.Factory.Say("nothing of that kind and name takes part in the mesh")
		}
		table := tables.Nodes()
		if err := looking.Sorted(&o.Options, table, rows); err != nil {
			return err
		}
		return printer.Print(p, table, rows)
	})
}

func (o *Options) shows(n topology.Node) bool {
	if n.Kind == topology.Unmeshed || o.Kind != "" && n.Kind != o.Kind || !o.Within(n) {
		return false
	}
	name := n.Name
	return o.Name == "" || o.Name == name || o.Name == name+"."+n.Namespace || o.Kind == "" && n.Service == o.Name
}
