// Package check is the command `meshctl check`: is a cluster fit for a mesh, and is the mesh in it well?
package check

import (
	"context"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshctl/meshctl/internal/cli/checkinject"
	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/internal/remote"
	"github.com/meshctl/meshctl/internal/version"
	"github.com/meshctl/meshctl/pkg/check"
	"github.com/meshctl/meshctl/pkg/install/client"
	"github.com/meshctl/meshctl/pkg/install/render"
	"github.com/meshctl/meshctl/pkg/install/values"
)

const formatText printer.Format = "text"

// Options of the command.
type Options struct {
	Factory  *factory.Factory
	Output   factory.Output
	Kube     factory.Kube
	Pre      bool
	System   string
	Revision string
	Profile  string
	FailOn   string
	Wait     time.Duration
}

// NewCmd returns the command; runF replaces what it does, for tests.
func NewCmd(f *factory.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	o := &Options{Factory: f}
	if runF == nil {
		runF = run
	}
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check whether a cluster is fit for a mesh, and whether the mesh in it is well",
		Long: `Check a cluster: with --pre whether a mesh can be installed, without it whether the one that is installed is well. Each
check that fails says what to do. Nothing is changed: pods and resources that are made to try admission are dry runs.

Exit codes: 0 all is well; 3 a check failed (with --fail-on warning also when one warns); 1 the cluster cannot be named.`,
		Example: `  # Before an installation
  meshctl check --pre

  # Afterwards, waiting until all is well
  meshctl check --wait 2m

  # For a monitoring job: warnings count too, such as certificates that end within 30 days
  meshctl check --fail-on warning -o json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return exitcode.Usagef("check takes no arguments, got %q", args[0])
			}
			if o.FailOn != string(check.Error) && o.FailOn != string(check.Warning) {
				return exitcode.Usagef("--fail-on %q: write error or warning", o.FailOn)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return runF(cmd.Context(), o) },
	}
	flags := cmd.Flags()
	o.Kube.AddFlags(flags)
	flags.BoolVar(&o.Pre, "pre", false, "check whether a mesh can be installed")
	flags.StringVar(&o.System, "system-namespace", "istio-system", "namespace of the control plane")
	flags.StringVar(&o.Revision, "revision", "", "check this revision only; \"default\" is the one without a name")
	flags.StringVar(&o.Profile, "profile", "default", "with --pre, the profile that is to be installed")
	flags.StringVar(&o.FailOn, "fail-on", string(check.Error), "exit with 3 on: error, warning")
	flags.DurationVar(&o.Wait, "wait", 0, "check again until all is well, for at most this long")
	o.Output.AddFlag(cmd, formatText, printer.FormatJSON, printer.FormatYAML)
	cmd.AddCommand(checkinject.NewCmd(f, nil))
	return cmd
}

// again is the time between two rounds of --wait.
const again = 2 * time.Second

func run(ctx context.Context, o *Options) error {
	p, err := o.Factory.Printer(o.Output)
	if err != nil {
		return err
	}
	look, done, err := o.prepare()
	if err != nil {
		return err
	}
	defer done()
	text := &writer{to: p, ascii: !o.Factory.Terminal}
	emit := text.group
	if p.Format != formatText || o.Wait > 0 {
		emit = nil
	}
	groups, err := o.repeat(ctx, func() []check.Group { return check.Run(ctx, look(), emit) })
	if err != nil {
		return err
	}
	if err := o.print(p, text, groups, emit != nil); err != nil {
		return err
	}
	if o.fails(groups) {
		return exitcode.Found()
	}
	return nil
}

// print writes what is not written yet.
func (o *Options) print(p *printer.Printer, text *writer, groups []check.Group, written bool) error {
	if p.Format != formatText {
		return printer.Object(p, report{check.Worst(groups), groups})
	}
	for _, g := range groups {
		if !written {
			text.group(g)
		}
	}
	return text.end(check.Worst(groups))
}

// report is the structured output.
type report struct {
	State  check.State   `json:"state"` // the worst of all
	Groups []check.Group `json:"categories"`
}

func (o *Options) fails(groups []check.Group) bool {
	worst := check.Worst(groups)
	return worst == check.Error || worst == check.Warning && o.FailOn == string(check.Warning)
}

// repeat looks once or, with --wait, until nothing fails.
func (o *Options) repeat(ctx context.Context, look func() []check.Group) ([]check.Group, error) {
	end := o.Factory.Now().Add(o.Wait)
	for {
		groups := look()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if !o.fails(groups) || o.Factory.Now().Add(again).After(end) {
			return groups, nil
		}
		o.Factory.Say("waiting: %s", firstFailure(groups))
		select {
		case <-time.After(again):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func firstFailure(groups []check.Group) string {
	worst := check.Worst(groups)
	for _, g := range groups {
		for _, f := range g.Checks {
			if f.State == worst {
				return f.ID + ": " + f.Message
			}
		}
	}
	return string(worst)
}

// prepare returns what makes the checks of one round, and what ends the connections.
func (o *Options) prepare() (look func() []check.Category, done func(), err error) {
	config, name, err := o.Factory.Kube(o.Kube).Load()
	if err != nil {
		return nil, nil, err
	}
	wanted, err := o.wanted()
	if err != nil {
		return nil, nil, err
	}
	c, err := client.New(config, client.Options{Patience: time.Second})
	if err != nil {
		return nil, nil, err
	}
	mesh, err := remote.New(config)
	if err != nil {
		c.Close()
		return nil, nil, err
	}
	mesh.Name, mesh.System, mesh.Revision = name, o.System, o.Revision
	return func() []check.Category {
		cluster := &check.Cluster{
			Client: c, Mesh: mesh, System: o.System, Revision: o.Revision, Version: version.String(), Wanted: wanted, Now: o.Factory.Now(),
		}
		if o.Pre {
			return check.Before(cluster)
		}
		return check.After(cluster)
	}, c.Close, nil
}

// wanted are the objects of an installation.
func (o *Options) wanted() ([]*unstructured.Unstructured, error) {
	revision := o.Revision
	if revision == "default" {
		revision = ""
	}
	v, _, err := values.Load(values.Options{Profile: o.Profile, Revision: revision, Namespace: o.System})
	if err != nil {
		return nil, err
	}
	components, err := render.Render(v)
	if err != nil {
		return nil, err
	}
	var out []*unstructured.Unstructured
	for _, c := range components {
		out = append(out, c.Objects...)
	}
	return out, nil
}
