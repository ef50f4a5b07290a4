// Package version is the command `meshctl version`.
package version

import (
	"context"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/internal/version"
)

// Options of the command.
type Options struct {
	Factory *factory.Factory
	Mesh    factory.Mesh
	Output  factory.Output
	Client  bool
}

// Versions is what the command shows.
type Versions struct {
	Client       string `json:"client"`
	Go           string `json:"go"`
	Platform     string `json:"platform"`
	Envoy        string `json:"envoy"` // the release that this build is made for
	ControlPlane string `json:"controlPlane,omitempty"`
}

// NewCmd returns the command; runF replaces what it does, for tests.
func NewCmd(f *factory.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	o := &Options{Factory: f}
	if runF == nil {
		runF = run
	}
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Show the versions of meshctl, of Envoy and of the control plane that runs here",
		Example: `  meshctl version

  # Without asking a running mesh
  meshctl version --client -o json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runF(cmd.Context(), o) },
	}
	o.Mesh.AddFlags(cmd, false)
	cmd.Flags().BoolVar(&o.Client, "client", false, "do not ask the running mesh")
	o.Output.AddFlag(cmd, printer.FormatTable, printer.FormatJSON, printer.FormatYAML)
	return cmd
}

func run(ctx context.Context, o *Options) error {
	p, err := o.Factory.Printer(o.Output)
	if err != nil {
		return err
	}
	v := Versions{
		Client: version.String(), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Envoy: version.Envoy,
	}
	if !o.Client {
		v.ControlPlane = controlPlane(ctx, o.Factory, o.Mesh)
	}
	if p.Format.Structured() {
		return printer.Object(p, v)
	}
	return printer.Print(p, table(), rows(v))
}

// controlPlane is empty when no mesh runs: that is no error of this command.
func controlPlane(ctx context.Context, f *factory.Factory, m factory.Mesh) string {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	mesh, err := f.ControlPlane(ctx, m)
	if err != nil {
		return ""
	}
	status, err := mesh.Status(ctx)
	if err != nil {
		return ""
	}
	return status.Version
}

type row struct{ component, version string }

func rows(v Versions) []row {
	out := []row{{"meshctl", v.Client}, {"envoy", v.Envoy}, {"go", v.Go + " " + v.Platform}}
	if v.ControlPlane != "" {
		out = append(out, row{"control plane", v.ControlPlane})
	}
	return out
}

func table() printer.Table[row] {
	return printer.Table[row]{Columns: []printer.Column[row]{
		{Name: "COMPONENT", Value: func(r row) string { return r.component }},
		{Name: "VERSION", Value: func(r row) string { return r.version }},
	}}
}
