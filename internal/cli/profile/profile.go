// Package profile is the command `meshctl profile`: named sets of values to start an installation from.
package profile

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/install/diff"
	"github.com/meshctl/meshctl/pkg/install/values"
)

// Options are those of the subcommands.
type Options struct {
	Factory *factory.Factory
	Output  factory.Output
	// Names are the profiles that are asked for.
	Names []string
}

// NewCmd returns the command.
func NewCmd(f *factory.Factory) *cobra.Command {
	cmd := &cobra.Command{Use: "profile", Short: "List, show and compare the profiles of an installation"}
	cmd.AddCommand(newList(f, nil), newShow(f, nil), newDiff(f, nil))
	return cmd
}

// command makes a subcommand whose arguments are profiles.
func command(f *factory.Factory, cmd *cobra.Command, runF func(context.Context, *Options) error, formats ...printer.Format) *cobra.Command {
	o := &Options{Factory: f}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.Names = args
		return runF(cmd.Context(), o)
	}
	cmd.ValidArgsFunction = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return values.Profiles(), cobra.ShellCompDirectiveNoFileComp
	}
	o.Output.AddFlag(cmd, formats...)
	return cmd
}

// Row is a profile in the list.
type Row struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

func newList(f *factory.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	if runF == nil {
		runF = list
	}
	return command(f, &cobra.Command{
		Use: "list", Short: "List the profiles", Args: cobra.NoArgs,
		Example: `  meshctl profile list`,
	}, runF, printer.FormatTable, printer.FormatJSON, printer.FormatYAML, printer.FormatName)
}

func list(_ context.Context, o *Options) error {
	p, err := o.Factory.Printer(o.Output)
	if err != nil {
		return err
	}
	var rows []Row
	for _, name := range values.Profiles() {
		rows = append(rows, Row{name, values.Describe(name)})
	}
	return printer.Print(p, printer.Table[Row]{Columns: []printer.Column[Row]{
		{Name: "NAME", Value: func(r Row) string { return r.Name }},
		{Name: "DESCRIPTION", Value: func(r Row) string { return r.Description }},
	}}, rows)
}

func newShow(f *factory.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	if runF == nil {
		runF = show
	}
	return command(f, &cobra.Command{
		Use: "show [PROFILE]", Aliases: []string{"dump"}, Short: "Show every value of a profile", Args: cobra.MaximumNArgs(1),
		Long: `Show every value of a profile as an IstioOperator resource: what can be set, and what it is. A part of it, changed, is a file
for ` + "`meshctl install -f`" + `.`,
		Example: `  meshctl profile show demo

  # Istio's name for it
  meshctl profile dump default -o json`,
	}, runF, printer.FormatYAML, printer.FormatJSON)
}

func show(_ context.Context, o *Options) error {
	p, err := o.Factory.Printer(o.Output)
	if err != nil {
		return err
	}
	name := values.DefaultProfile
	if len(o.Names) > 0 {
		name = o.Names[0]
	}
	resource, err := load(name)
	if err != nil {
		return err
	}
	return printer.Object(p, resource)
}

func load(name string) (map[string]any, error) {
	v, _, err := values.Load(values.Options{Profile: name})
	if err != nil {
		return nil, &exitcode.Error{Code: exitcode.Usage, Err: err}
	}
	return v.Operator(), nil
}

func newDiff(f *factory.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	if runF == nil {
		runF = compare
	}
	return command(f, &cobra.Command{
		Use: "diff PROFILE PROFILE", Short: "Show what two profiles differ in", Args: cobra.ExactArgs(2),
		Long:    "Show what two profiles differ in, value by value. Exit code 3 says that they differ.",
		Example: `  meshctl profile diff default demo`,
	}, runF, printer.FormatTable, printer.FormatJSON, printer.FormatYAML)
}

func compare(_ context.Context, o *Options) error {
	p, err := o.Factory.Printer(o.Output)
	if err != nil {
		return err
	}
	var sides [2]*unstructured.Unstructured
	for i, name := range o.Names {
		resource, err := load(name)
		if err != nil {
			return err
		}
		if sides[i], err = plain(resource["spec"]); err != nil {
			return err
		}
	}
	fields := diff.Objects(sides[0], sides[1])
	if p.Format.Structured() {
		err = printer.Object(p, append([]diff.Field{}, fields...))
	} else {
		for _, f := range fields {
			fmt.Fprintf(o.Factory.IO.Out, "%s: %s -> %s\n", f.Path, diff.Text(f.From), diff.Text(f.To))
		}
	}
	if err == nil && len(fields) > 0 {
		return exitcode.Found()
	}
	return err
}

// plain gives a tree the types of JSON.
func plain(tree any) (*unstructured.Unstructured, error) {
	data, err := json.Marshal(tree)
	if err != nil {
		return nil, err
	}
	u := &unstructured.Unstructured{}
	return u, json.Unmarshal(data, &u.Object)
}
