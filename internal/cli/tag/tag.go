// Package tag is the command `meshctl tag`.
package tag

import (
	"context"
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
	"github.com/meshctl/meshctl/pkg/install/values"
)

// Options of the subcommands.
type Options struct {
	Factory        *factory.Factory
	Kube           factory.Kube
	Output         factory.Output
	Namespace      string
	Tag, Revision  string
	Overwrite, Yes bool
	Timeout        time.Duration
}

// RunFunc does the work of a subcommand.
type RunFunc func(context.Context, *Options) error

// NewCmd returns the command with its subcommands; runF replaces what they do, for tests.
func NewCmd(f *factory.Factory, runF RunFunc) *cobra.Command {
	cmd := &cobra.Command{
		Use: "tag", Short: "Give revisions of the mesh names that namespaces choose them by",
		Long: `Give revisions of the mesh names that namespaces choose them by, with the label istio.io/rev=TAG. When a tag is moved to another
revision, the namespaces follow as their pods are made anew, and no label has to be changed. Namespaces that say
istio-injection=enabled follow the tag "default".`,
		Example: `  meshctl tag set prod --revision stable
  meshctl tag set prod --revision canary --overwrite
  meshctl tag list`,
	}
	cmd.AddCommand(set(f, runF), list(f, runF), remove(f, runF), generate(f, runF))
	return cmd
}

func (o *Options) bind(cmd *cobra.Command, runF, run RunFunc) *cobra.Command {
	if runF == nil {
		runF = run
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			o.Tag = args[0]
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), o.Timeout)
		defer cancel()
		return runF(ctx, o)
	}
	flags := cmd.Flags()
	flags.StringVar(&o.Namespace, "system-namespace", values.DefaultNamespace, "namespace of the control plane")
	flags.DurationVar(&o.Timeout, "timeout", time.Minute, "how long the cluster may take")
	return cmd
}

func set(f *factory.Factory, runF RunFunc) *cobra.Command {
	o := &Options{Factory: f}
	cmd := o.bind(&cobra.Command{
		Use: "set TAG --revision REVISION", Short: "Make a tag point to a revision", Args: cobra.ExactArgs(1),
		Example: "  meshctl tag set prod --revision canary\n  meshctl tag set default --revision canary --overwrite",
	}, runF, runSet)
	o.Kube.AddFlags(cmd.Flags())
	o.revision(cmd)
	cmd.Flags().BoolVar(&o.Overwrite, "overwrite", false, "move a tag that points to another revision")
	return cmd
}

func (o *Options) revision(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&o.Revision, "revision", "r", "", "revision to point to (\"default\" is the one without a name)")
	_ = cmd.MarkFlagRequired("revision")
}

func list(f *factory.Factory, runF RunFunc) *cobra.Command {
	o := &Options{Factory: f}
	cmd := o.bind(&cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List tags with their revisions and namespaces", Args: cobra.NoArgs, Example: "  meshctl tag list -o json",
	}, runF, runList)
	o.Kube.AddFlags(cmd.Flags())
	o.Output.AddFlag(cmd, printer.Formats()...)
	return cmd
}

func remove(f *factory.Factory, runF RunFunc) *cobra.Command {
	o := &Options{Factory: f}
	cmd := o.bind(&cobra.Command{
		Use: "remove TAG", Aliases: []string{"rm"}, Short: "Take a tag away", Args: cobra.ExactArgs(1), Example: "  meshctl tag remove prod",
	}, runF, runRemove)
	o.Kube.AddFlags(cmd.Flags())
	cmd.Flags().BoolVarP(&o.Yes, "yes", "y", false, "do not ask, although namespaces choose the tag")
	return cmd
}

func generate(f *factory.Factory, runF RunFunc) *cobra.Command {
	o := &Options{Factory: f}
	cmd := o.bind(&cobra.Command{
		Use: "generate TAG --revision REVISION", Short: "Write the object that makes a tag, without a cluster", Args: cobra.ExactArgs(1),
		Example: "  meshctl tag generate prod --revision canary > tag.yaml",
	}, runF, runGenerate)
	o.revision(cmd)
	return cmd
}

func (o *Options) dial() (*install.Installer, error) {
	c, _, err := meshinstall.Dial(o.Factory, o.Kube, client.Options{})
	return &install.Installer{Client: c, Namespace: o.Namespace}, err
}

func runSet(ctx context.Context, o *Options) error {
	i, err := o.dial()
	if err != nil {
		return err
	}
	defer i.Client.Close()
	if err := i.SetTag(ctx, o.Tag, o.Revision, o.Overwrite); err != nil {
		return err
	}
	o.Factory.Say("✔ tag %s points to revision %s", o.Tag, o.Revision)
	if spaces, err := namespaces(ctx, i, o.Tag); err == nil && len(spaces) > 0 {
		o.Factory.Say("namespaces %s follow as their pods are made anew: kubectl rollout restart deployment -n NAMESPACE", strings.Join(spaces, ", "))
	}
	return nil
}

func namespaces(ctx context.Context, i *install.Installer, tag string) ([]string, error) {
	tags, err := i.Tags(ctx)
	for _, t := range tags {
		if t.Name == tag {
			return t.Namespaces, err
		}
	}
	return nil, err
}

var table = printer.Table[install.Tag]{Columns: []printer.Column[install.Tag]{
	{Name: "TAG", Value: func(t install.Tag) string { return t.Name }},
	{Name: "REVISION", Value: func(t install.Tag) string { return t.Revision }},
	{Name: "NAMESPACES", Value: func(t install.Tag) string { return strings.Join(t.Namespaces, ",") }},
}}

func runList(ctx context.Context, o *Options) error {
	p, err := o.Factory.Printer(o.Output)
	if err != nil {
		return err
	}
	i, err := o.dial()
	if err != nil {
		return err
	}
	defer i.Client.Close()
	tags, err := i.Tags(ctx)
	if err != nil {
		return err
	}
	return printer.Print(p, table, tags)
}

func runRemove(ctx context.Context, o *Options) error {
	i, err := o.dial()
	if err != nil {
		return err
	}
	defer i.Client.Close()
	spaces, err := namespaces(ctx, i, o.Tag)
	if err != nil {
		return err
	}
	if len(spaces) > 0 && !o.Yes {
		question := fmt.Sprintf("namespaces %s choose tag %s, and their new pods would get no proxy", strings.Join(spaces, ", "), o.Tag)
		if !o.Factory.InTerminal {
			return exitcode.Usagef("%s: give --yes", question)
		}
		if err := o.Factory.Confirm(question + ": remove it?"); err != nil {
			return err
		}
	}
	there, err := i.RemoveTag(ctx, o.Tag)
	if err != nil {
		return err
	}
	if !there {
		return fmt.Errorf("there is no tag %s of meshctl's", o.Tag)
	}
	o.Factory.Say("✔ tag %s is removed", o.Tag)
	return nil
}

func runGenerate(_ context.Context, o *Options) error {
	injector, validator, err := install.TagObjects(o.Tag, o.Revision, o.Namespace)
	if err != nil {
		return err
	}
	p := &printer.Printer{Out: o.Factory.IO.Out, Format: printer.FormatYAML}
	if err := printer.Object(p, injector.Object); err != nil || validator == nil {
		return err
	}
	fmt.Fprintln(p.Out, "---")
	return printer.Object(p, validator.Object)
}
