// Package checkinject is the command `meshctl check inject`.
package checkinject

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/inject"
	"github.com/meshctl/meshctl/pkg/install/values"
)

// Options of the command.
type Options struct {
	Factory   *factory.Factory
	Output    factory.Output
	Kube      factory.Kube
	Namespace string
	System    string
	// Files to look in, in place of a cluster.
	Files   []string
	Target  string
	Timeout time.Duration
}

// NewCmd returns the command; runF replaces what it does, for tests.
func NewCmd(f *factory.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	o := &Options{Factory: f}
	if runF == nil {
		runF = run
	}
	cmd := &cobra.Command{
		Use:   "inject [KIND/]NAME[.NAMESPACE]",
		Short: "Say why a pod is given a proxy, or is not",
		Long: `Say which injector's webhook selects a pod, or the pods of a workload, and why: by which label of the pod or its namespace, or
by what of the injector's own settings. Every injector of the cluster is judged, those of revisions and tags too.

A name without a kind is a pod's, or else a Deployment's. With -f the pod, its namespace and the webhooks are those of files; where
the files have no webhooks, they are those of a new installation.

Exit codes: 0 one injector adds the proxy; 3 none does, or several do.`,
		Example: `  # A pod, a Deployment, a StatefulSet of another namespace
  meshctl check inject reviews-v1-545db77b95-hsqgg
  meshctl check inject deployment/reviews -n shop
  meshctl check inject statefulset/db.data

  # Before anything is applied
  meshctl check inject deployment/reviews -f shop.yaml`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return exitcode.Usagef("name one pod or workload: [KIND/]NAME[.NAMESPACE]")
			}
			if len(o.Files) > 0 && o.Kube.Given() {
				return exitcode.Usagef("give either -f or the flags of a cluster")
			}
			o.Target = args[0]
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return runF(cmd.Context(), o) },
	}
	flags := cmd.Flags()
	o.Kube.AddFlags(flags)
	flags.StringVarP(&o.Namespace, "namespace", "n", "default", "namespace of the pod")
	flags.StringVar(&o.System, "system-namespace", values.DefaultNamespace, "namespace of the control plane")
	flags.StringArrayVarP(&o.Files, "filename", "f", nil, "file or directory to look in, in place of a cluster; - for standard input")
	flags.DurationVar(&o.Timeout, "timeout", 30*time.Second, "how long the cluster may take")
	o.Output.AddFlag(cmd, printer.FormatTable, printer.FormatJSON, printer.FormatYAML)
	return cmd
}

func run(ctx context.Context, o *Options) error {
	p, err := o.Factory.Printer(o.Output)
	if err != nil {
		return err
	}
	t, err := parseTarget(o.Target, o.Namespace)
	if err != nil {
		return err
	}
	objects, origin, err := o.objects(ctx)
	if err != nil {
		return err
	}
	w, err := t.find(objects, origin)
	if err != nil {
		return err
	}
	hooks := judge(objects, w, o.System)
	if err := printer.Print(p, table(), hooks); err != nil {
		return err
	}
	return o.verdict(w, hooks)
}

func table() printer.Table[inject.Hook] {
	return printer.Table[inject.Hook]{Columns: []printer.Column[inject.Hook]{
		{Name: "CONFIGURATION", Value: func(h inject.Hook) string { return h.Configuration }},
		{Name: "REVISION", Value: func(h inject.Hook) string {
			if h.Tag != "" {
				return h.Revision + " (tag " + h.Tag + ")"
			}
			return h.Revision
		}},
		{Name: "INJECTED", Value: injected, Level: func(h inject.Hook) printer.Level {
			if h.Injected {
				return printer.Good
			}
			return printer.Dim
		}},
		{Name: "REASON", Value: func(h inject.Hook) string { return h.Webhook + ": " + h.Reason }},
	}}
}

func injected(h inject.Hook) string {
	if h.Injected {
		return "yes"
	}
	return "no"
}

// verdict sums it up, and compares it with what the pod has.
func (o *Options) verdict(w workload, hooks []inject.Hook) error {
	var by []inject.Hook
	for _, h := range hooks {
		if h.Injected {
			by = append(by, h)
		}
	}
	if w.running {
		has := "has no proxy"
		if w.proxied {
			has = "has a proxy"
		}
		o.Factory.Say("%s %s; this is what holds for a pod like it that is made now", w.object.Key, has)
	}
	switch {
	case inject.Deployed(w.pod.Labels) && w.proxied:
		o.Factory.Say("%s is deployed for a Gateway of the Gateway API by the control plane, with its proxy: nothing is to be injected", w.object.Key)
		return nil
	case len(hooks) == 0:
		o.Factory.Say("no injector's webhook is there: install a control plane, or name its cluster")
	case len(by) == 0:
		o.Factory.Say("no injector adds a proxy to %s", w.object.Key)
	case len(by) > 1:
		o.Factory.Say("%d injectors add a proxy to %s: remove a label, or a revision that is left over", len(by), w.object.Key)
	default:
		return nil
	}
	return exitcode.Found()
}
