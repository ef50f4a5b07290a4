// Package uninstall is the command `meshctl uninstall`.
package uninstall

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/internal/cli/factory"
	meshinstall "github.com/meshctl/meshctl/internal/cli/install"
	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/install"
	"github.com/meshctl/meshctl/pkg/install/client"
	"github.com/meshctl/meshctl/pkg/install/inventory"
	"github.com/meshctl/meshctl/pkg/install/values"
)

// Options of the command.
type Options struct {
	Factory   *factory.Factory
	Kube      factory.Kube
	Output    factory.Output
	Namespace string
	Revision  string
	// RevisionGiven tells the default revision by its name from none.
	RevisionGiven, Purge, Yes, DryRun bool
	Timeout                           time.Duration
}

// NewCmd returns the command; runF replaces what it does, for tests.
func NewCmd(f *factory.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	o := &Options{Factory: f}
	if runF == nil {
		runF = run
	}
	cmd := &cobra.Command{
		Use: "uninstall", Short: "Take the mesh out of a cluster",
		Long: `Take the mesh out of a cluster: what the inventory lists, webhooks first, and what its control plane deployed for Gateways of the
Gateway API; with the last revision also what the control plane made while it ran (root certificates in namespaces, its own
authority, leases) and the system namespace, unless others keep something in it. What stays is named with the reason.

Users' resources of the mesh, and the definitions that they need, stay. --purge removes them too, all revisions with them; it
lists them first. Definitions that were there before the installation always stay.`,
		Example: `  meshctl uninstall
  meshctl uninstall --revision canary -y
  meshctl uninstall --purge --dry-run`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.RevisionGiven = cmd.Flags().Changed("revision")
			return runF(cmd.Context(), o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.Revision, "revision", "", "revision to remove; needed when there are several (\"default\" is the one without a name)")
	flags.StringVar(&o.Namespace, "system-namespace", values.DefaultNamespace, "namespace of the control plane")
	flags.BoolVar(&o.Purge, "purge", false, "remove all revisions, users' resources of the mesh, and their definitions")
	flags.BoolVarP(&o.Yes, "yes", "y", false, "do not ask")
	flags.BoolVar(&o.DryRun, "dry-run", false, "change nothing: show what would be removed")
	flags.DurationVar(&o.Timeout, "timeout", 3*time.Minute, "how long everything may take to go")
	o.Kube.AddFlags(flags)
	o.Output.AddFlag(cmd, printer.FormatTable, printer.FormatJSON, printer.FormatYAML)
	return cmd
}

func run(ctx context.Context, o *Options) error {
	p, err := o.Factory.Printer(o.Output)
	if err != nil {
		return err
	}
	if o.Purge && o.RevisionGiven {
		return exitcode.Usagef("--purge removes all revisions: give it without --revision")
	}
	c, cluster, err := meshinstall.Dial(o.Factory, o.Kube, client.Options{ReadOnly: o.DryRun})
	if err != nil {
		return err
	}
	defer c.Close()
	i := &install.Installer{Client: c, Namespace: o.Namespace}
	removal, err := o.removal(ctx, i)
	if err != nil {
		return err
	}
	if o.DryRun {
		return show(p, removal, nil)
	}
	if err := o.confirm(removal, cluster); err != nil {
		return err
	}
	i.Progress = meshinstall.NewConsole(o.Factory)
	kept, err := i.Uninstall(ctx, removal, o.Timeout)
	if err != nil {
		return err
	}
	for _, r := range kept {
		o.Factory.Say("stays: %s: %s", r.What, r.Why)
	}
	o.Factory.Say("✔ %s removed from %s", revisions(removal), cluster)
	if p.Format.Structured() {
		return show(p, removal, kept)
	}
	return nil
}

// removal chooses the revision: the only one when none is given.
func (o *Options) removal(ctx context.Context, i *install.Installer) (install.Removal, error) {
	selected := install.Selected{Revision: o.Revision, All: o.Purge, Purge: o.Purge}
	if !o.Purge && !o.RevisionGiven {
		there, err := i.Revisions(ctx)
		if err != nil {
			return install.Removal{}, err
		}
		if len(there) > 1 {
			return install.Removal{}, exitcode.Usagef("there are several revisions (%s): name one with --revision, or remove everything with --purge", strings.Join(there, ", "))
		}
		selected.All = true
	}
	removal, err := i.Removal(ctx, selected)
	if errors.Is(err, install.ErrNothing) {
		err = fmt.Errorf("namespace %s: %w", o.Namespace, err)
	}
	return removal, err
}

func (o *Options) confirm(r install.Removal, cluster string) error {
	if r.Purge {
		for _, id := range r.Resources {
			o.Factory.Say("will be deleted: %s", id)
		}
		o.Factory.Say("will be deleted: %d CustomResourceDefinitions, with the %d resources above", len(r.Definitions), len(r.Resources))
	}
	for _, id := range r.Deployed {
		o.Factory.Say("will be deleted: %s (deployed for a Gateway)", id)
	}
	if o.Yes {
		return nil
	}
	if !o.Factory.InTerminal {
		return exitcode.Usagef("nobody can be asked whether to remove %s from %s: give --yes", revisions(r), cluster)
	}
	return o.Factory.Confirm(fmt.Sprintf("Remove %s from cluster %s (%d objects)?", revisions(r), cluster, len(r.Objects)+len(r.Deployed)))
}

func revisions(r install.Removal) string {
	if len(r.Revisions) == 0 {
		return "what is left of the mesh"
	}
	return "revision " + strings.Join(r.Revisions, ", ") + " of the mesh"
}

// Report says what goes and what stays, for programs.
type Report struct {
	Revisions   []string          `json:"revisions"`
	Removed     []string          `json:"removed"`
	Definitions []string          `json:"definitions,omitempty"`
	Resources   []string          `json:"resources,omitempty"`
	Kept        []install.Residue `json:"kept"`
}

func show(p *printer.Printer, r install.Removal, kept []install.Residue) error {
	report := Report{Revisions: r.Revisions, Removed: append(names(r.Objects), names(r.Deployed)...), Kept: append([]install.Residue{}, kept...)}
	if kept == nil {
		report.Kept = append(report.Kept, r.Kept...)
	}
	if r.Purge {
		report.Definitions, report.Resources = names(r.Definitions), names(r.Resources)
	}
	if p.Format.Structured() {
		return printer.Object(p, report)
	}
	for _, list := range [][]string{report.Removed, report.Resources, report.Definitions} {
		for _, name := range list {
			fmt.Fprintln(p.Out, "- delete "+printer.Escape(name))
		}
	}
	for _, k := range report.Kept {
		fmt.Fprintln(p.Out, "= keep "+printer.Escape(k.What+" ("+k.Why+")"))
	}
	return nil
}

func names(ids []inventory.ID) []string {
	out := make([]string, len(ids))
	for n, id := range ids {
		out[n] = id.String()
	}
	return out
}
