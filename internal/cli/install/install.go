// Package install is the command `meshctl install`.
package install

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/cli/installflags"
	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/install"
	"github.com/meshctl/meshctl/pkg/install/client"
	"github.com/meshctl/meshctl/pkg/install/inventory"
	"github.com/meshctl/meshctl/pkg/install/render"
)

// Options of the command.
type Options struct {
	Factory *factory.Factory
	Kube    factory.Kube
	What    installflags.Flags
	Output  factory.Output

	Wait, Atomic, Plan, DryRun, Yes, Adopt, Force bool
	Timeout                                       time.Duration
	// Upgrade refuses to install what is not there yet.
	Upgrade bool
}

// NewCmd returns the command; runF replaces what it does, for tests.
func NewCmd(f *factory.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	o := &Options{Factory: f}
	if runF == nil {
		runF = Run
	}
	cmd := &cobra.Command{
		Use: "install", Short: "Install the mesh into a cluster, or bring an installation up to date",
		Long: `Install the mesh into a cluster: definitions, control plane, webhooks and gateways, in this order, and wait until all is ready.

Before anything is written it is tried (server-side dry run) whether the cluster takes it: a missing permission, an object that
belongs to somebody else, a field that somebody else has set end the command with nothing changed. What is installed is kept
account of in the system namespace, so that an interrupted installation can be run again, what is no longer wanted is taken
away, and meshctl uninstall leaves nothing behind.

Exit codes: 0 done, 1 it failed, 2 the command line is wrong, 3 with --plan: something would change.`,
		Example: `  # The default profile into istio-system
  meshctl install

  # What would change?
  meshctl install --set meshConfig.accessLogFile=/dev/stdout --plan

  # All or nothing
  meshctl install -f mesh.yaml --atomic -y

  # A second control plane beside the first one
  meshctl install --revision canary`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runF(cmd.Context(), o) },
	}
	o.AddFlags(cmd)
	return cmd
}

// AddFlags defines the flags.
func (o *Options) AddFlags(cmd *cobra.Command) {
	o.What.AddFlags(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&o.Wait, "wait", true, "wait until everything is ready; without it only for what the rest needs")
	flags.DurationVar(&o.Timeout, "timeout", 5*time.Minute, "how long everything may take")
	flags.BoolVar(&o.Atomic, "atomic", false, "restore what was there when the installation fails")
	flags.BoolVar(&o.Plan, "plan", false, "change nothing: show what would change, field by field")
	flags.BoolVar(&o.DryRun, "dry-run", false, "change nothing: show which objects would change")
	flags.BoolVarP(&o.Yes, "yes", "y", false, "do not ask")
	flags.BoolVar(&o.Adopt, "force-adopt", false, "take over objects that belong to others")
	flags.BoolVar(&o.Force, "force-conflicts", false, "overwrite fields of the mesh's objects that others have set")
	o.Kube.AddFlags(flags)
	o.Output.AddFlag(cmd, printer.FormatTable, printer.FormatJSON, printer.FormatYAML)
}

// Run carries the command out.
func Run(ctx context.Context, o *Options) error {
	p, err := o.Factory.Printer(o.Output)
	if err != nil {
		return err
	}
	if o.Timeout <= 0 {
		return exitcode.Usagef("--timeout %s: give a time above zero", o.Timeout)
	}
	planning := o.Plan || o.DryRun
	c, name, err := Dial(o.Factory, o.Kube, client.Options{ReadOnly: planning})
	if err != nil {
		return err
	}
	defer c.Close()
	i := &install.Installer{Client: c}
	request, err := o.request(ctx, i)
	if err != nil {
		return err
	}
	if planning {
		return o.plan(ctx, i, request, p)
	}
	if err := o.confirm(i, request, name); err != nil {
		return err
	}
	return o.apply(ctx, i, request, p)
}

// request renders what is to be installed for this cluster.
func (o *Options) request(ctx context.Context, i *install.Installer) (install.Request, error) {
	version, err := install.KubernetesVersion(ctx, i.Client)
	if err != nil {
		return install.Request{}, err
	}
	v, err := o.What.Load(o.Factory, "v"+version)
	if err != nil {
		return install.Request{}, err
	}
	components, err := render.Render(v)
	if err != nil {
		return install.Request{}, err
	}
	i.Namespace = v.Namespace
	there, err := i.Inventories(ctx)
	if err != nil {
		return install.Request{}, err
	}
	if _, is := there[inventory.SetOf(v.Revision)]; o.Upgrade && !is {
		return install.Request{}, fmt.Errorf("revision %s is not installed in %s: use `meshctl install`", inventory.SetOf(v.Revision), v.Namespace)
	}
	return install.Request{
		Revision: v.Revision, Components: components, Wait: o.Wait, Timeout: o.Timeout, Atomic: o.Atomic, Adopt: o.Adopt, Force: o.Force,
	}, nil
}

func (o *Options) confirm(i *install.Installer, r install.Request, cluster string) error {
	if o.Yes || !o.Factory.InTerminal {
		return nil
	}
	verb := "Install"
	if o.Upgrade {
		verb = "Upgrade"
	}
	return o.Factory.Confirm(fmt.Sprintf("%s revision %s of the mesh in namespace %s of cluster %s?", verb, inventory.SetOf(r.Revision), i.Namespace, cluster))
}

// Report is what an installation came to, for programs.
type Report struct {
	Revision  string          `json:"revision"`
	Namespace string          `json:"namespace"`
	Created   int             `json:"created"`
	Changed   int             `json:"changed"`
	Unchanged int             `json:"unchanged"`
	Pruned    int             `json:"pruned"`
	Seconds   float64         `json:"seconds"`
	Found     []install.Found `json:"found,omitempty"`
}

func (o *Options) apply(ctx context.Context, i *install.Installer, r install.Request, p *printer.Printer) error {
	i.Progress = NewConsole(o.Factory)
	began := o.Factory.Now()
	result, err := i.Apply(ctx, r)
	if err != nil {
		return err
	}
	took := o.Factory.Now().Sub(began)
	o.Factory.Say("✔ revision %s is installed in %s: %d objects created, %d changed, %d unchanged, %d taken away, in %.1f s",
		inventory.SetOf(r.Revision), i.Namespace, result.Created, result.Changed, result.Unchanged, result.Pruned, took.Seconds())
	if !p.Format.Structured() {
		return nil
	}
	return printer.Object(p, Report{
		inventory.SetOf(r.Revision), i.Namespace, result.Created, result.Changed, result.Unchanged, result.Pruned, took.Seconds(), result.Found,
	})
}
