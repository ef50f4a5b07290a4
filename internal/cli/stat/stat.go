// Package stat is the command `meshctl stat`: how much workloads, services and gateways get, how fast they answer and what fails.
package stat

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/cli/looking"
	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/pkg/topology/tables"
)

// Options of the command.
type Options struct {
	looking.Options
	// Level is what one row stands for; Kind keeps one kind only.
	Level topology.Level
	Kind  topology.Kind
}

// NewCmd returns the command; runF replaces what it does, for tests.
func NewCmd(f *factory.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	o := &Options{Options: looking.Options{Factory: f}}
	if runF == nil {
		runF = run
	}
	return o.Command(&cobra.Command{
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
	}, false, o.parse, func(ctx context.Context) error { return runF(ctx, o) })
}

// kind is what a word means that says what a row stands for.
func kind(word string) (level topology.Level, kind topology.Kind, ok bool) {
	switch word {
	case "workload", "workloads", "wl", "deploy", "deployment", "deployments", "sts", "statefulset", "ds", "daemonset", "pod", "pods", "po":
		return topology.ByWorkload, topology.Workload, true
	case "gateway", "gateways", "gw":
		return topology.ByWorkload, topology.Gateway, true
	case "service", "services", "svc":
		return topology.ByService, topology.Service, true
	case "namespace", "namespaces", "ns":
		return topology.ByNamespace, topology.NamespaceKind, true
	}
	return 0, "", false
}

// parse reads KIND, KIND/NAME or NAME; a NAME that is also a word for a kind is that kind.
func (o *Options) parse(arg string) error {
	word, name, named := strings.Cut(arg, "/")
	level, kind, ok := kind(word)
	switch {
	case !ok && !named:
		return o.Name(arg)
	case !ok:
		return exitcode.Usagef("%q: there is no kind %q here; use workload (or deploy, sts, pod, ...), svc, gateway or ns", arg, word)
	case named && name == "":
		return exitcode.Usagef("%q: give a name after the kind, or the kind alone", arg)
	}
	o.Level, o.Kind = level, kind
	if named {
		return o.Name(arg)
	}
	return nil
}

func run(ctx context.Context, o *Options) error {
	return looking.Run(ctx, &o.Options, tables.Nodes(), o.rows)
}

func (o *Options) rows(g topology.Graph) []topology.Node {
	var out []topology.Node
	for _, n := range topology.Collapse(g, o.Level).Nodes {
		if o.Level == topology.ByService && n.Service != "" {
			n.Kind = topology.Service
		}
		if n.Kind != topology.Unmeshed && (o.Kind == "" || o.Ref != "" || n.Kind == o.Kind) && o.Shows(n) {
			out = append(out, n)
		}
	}
	return out
}
