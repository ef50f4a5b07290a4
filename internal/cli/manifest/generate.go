package manifest

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/cli/installflags"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/install/render"
	"github.com/meshctl/meshctl/pkg/install/values"
)

// GenerateOptions are those of `meshctl manifest generate`.
type GenerateOptions struct {
	Factory     *factory.Factory
	Flags       installflags.Flags
	Components  []string
	Output      string
	KubeVersion string
}

func newGenerate(f *factory.Factory, runF func(context.Context, *GenerateOptions) error) *cobra.Command {
	o := &GenerateOptions{Factory: f}
	if runF == nil {
		runF = generate
	}
	cmd := &cobra.Command{
		Use:   "generate",
		Short: "Write the objects that an installation consists of",
		Long: `Write the objects that an installation consists of, as YAML, in the order in which they are applied.
Nothing is asked of a cluster. The namespace itself is not among them: ` + "`meshctl install`" + ` makes it.`,
		Example: `  # What ` + "`meshctl install --profile demo`" + ` applies
  meshctl manifest generate --profile demo

  # The control plane alone, by another name, with settings of one's own
  meshctl manifest generate --component Pilot --revision canary -f mesh.yaml --set pilot.replicaCount=2

  # One file a component
  meshctl manifest generate --output out/`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runF(cmd.Context(), o) },
	}
	o.Flags.AddFlags(cmd)
	names := strings.Join(componentNames(), ", ")
	cmd.Flags().StringSliceVar(&o.Components, "component", nil, "only these components: "+names)
	cmd.Flags().StringVarP(&o.Output, "output", "o", "", "directory to write one file a component to, in place of standard output")
	cmd.Flags().StringVar(&o.KubeVersion, "kube-version", "", "release of Kubernetes to write for, such as 1.33 (default the newest)")
	_ = cmd.RegisterFlagCompletionFunc("component", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return componentNames(), cobra.ShellCompDirectiveNoFileComp
	})
	return cmd
}

func componentNames() []string {
	return []string{values.Base, values.Pilot, values.IngressGateways, values.EgressGateways}
}

func generate(_ context.Context, o *GenerateOptions) error {
	components, err := chosen(o.Components)
	if err != nil {
		return err
	}
	v, err := o.Flags.Load(o.Factory, o.KubeVersion)
	if err != nil {
		return err
	}
	if o.Output != "" {
		return o.writeFiles(v, components)
	}
	out := bufio.NewWriterSize(o.Factory.IO.Out, 1<<16)
	if err := render.Write(out, v, components...); err != nil {
		return err
	}
	return out.Flush()
}

// chosen takes names as people write them.
func chosen(names []string) ([]string, error) {
	var out []string
	for _, name := range names {
		meant := config.Nearest(name, componentNames())
		if !strings.EqualFold(meant, name) {
			hint := "use " + strings.Join(componentNames(), ", ")
			if meant != "" {
				hint = "did you mean " + meant + "?"
			}
			return nil, exitcode.Usagef("there is no component %q: %s", name, hint)
		}
		out = append(out, meant)
	}
	return out, nil
}

func (o *GenerateOptions) writeFiles(v values.Values, components []string) error {
	if err := os.MkdirAll(o.Output, 0o755); err != nil {
		return err
	}
	if len(components) == 0 {
		components = componentNames()
	}
	for _, name := range components {
		var text bytes.Buffer
		if err := render.Write(&text, v, name); err != nil {
			return err
		}
		if text.Len() == 0 {
			continue
		}
		path := filepath.Join(o.Output, name+".yaml")
		if err := os.WriteFile(path, text.Bytes(), 0o644); err != nil {
			return err
		}
		o.Factory.Say("wrote %s", path)
	}
	return nil
}
