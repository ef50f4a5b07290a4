// Package analyze is `meshctl analyze`: what is wrong with a mesh's configuration, or will surprise.
package analyze

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/analyze/catalog"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// Options are the flags of the command.
type Options struct {
	Factory   *factory.Factory
	Paths     []string
	Namespace string
	FailOn    string
}

// NewCmd returns the command; runF replaces what it does, in tests.
func NewCmd(f *factory.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	o := &Options{Factory: f}
	if runF == nil {
		runF = run
	}
	cmd := &cobra.Command{
		Use:   "analyze [FILE|DIR|-]...",
		Short: "Find what is wrong with a mesh's configuration, or will surprise",
		Example: `  # Everything in a folder
  meshctl analyze config/`,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Paths = args
			return runF(cmd.Context(), o)
		},
	}
	cmd.Flags().StringVarP(&o.Namespace, "namespace", "n", "", "report on this namespace only")
	cmd.Flags().StringVar(&o.FailOn, "fail-on", "error", "exit with 3 when there is a finding of this level or above: error|warning|info")
	return cmd
}

func run(ctx context.Context, o *Options) error {
	threshold, ok := codes.ParseLevel(o.FailOn)
	if !ok {
		return exitcode.Usagef("--fail-on %q: write error, warning or info", o.FailOn)
	}
	read, err := o.Factory.Read(o.Paths, "")
	if err != nil {
		return err
	}
	result := analyze.Run(ctx, analyze.NewInput(read, mesh.Options{}, o.Factory.Now()), catalog.All())
	found, _ := analyze.Filter{Namespace: o.Namespace}.Apply(result.Diagnostics)
	failed := false
	for _, d := range found {
		fmt.Fprintf(o.Factory.IO.Out, "%s: %s [%s] %s: %s (fix: %s)\n", d.Position, d.Level, d.Code, d.Object, d.Message, d.Fix)
		failed = failed || d.Level >= threshold
	}
	for _, u := range result.Undecided {
		o.Factory.Say("open: [%s] %s: %s", u.Code, u.Object, u.What)
	}
	if failed {
		return exitcode.Found()
	}
	return nil
}
