package manifest

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/version"
	"github.com/meshctl/meshctl/manifests"
)

// ChartsOptions are those of `meshctl manifest charts`.
type ChartsOptions struct {
	Factory *factory.Factory
	Output  string
}

func newCharts(f *factory.Factory, runF func(context.Context, *ChartsOptions) error) *cobra.Command {
	o := &ChartsOptions{Factory: f}
	if runF == nil {
		runF = charts
	}
	cmd := &cobra.Command{
		Use:   "charts",
		Short: "Write the Helm charts of the mesh to a directory, for use with Helm",
		Long: `Write the Helm charts of the mesh to a directory, for use with Helm. Their images are those of this release of meshctl.
` + "`meshctl install`" + ` needs no Helm; choose one of the two for a cluster.`,
		Example: `  meshctl manifest charts --output charts
  helm install istio-base charts/base -n istio-system --create-namespace
  helm install istiod charts/istiod -n istio-system --wait
  helm install istio-ingressgateway charts/gateway -n istio-system`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runF(cmd.Context(), o) },
	}
	cmd.Flags().StringVarP(&o.Output, "output", "o", "", "directory to write to; it must not exist, or be empty")
	_ = cmd.MarkFlagRequired("output")
	return cmd
}

func charts(_ context.Context, o *ChartsOptions) error {
	if entries, err := os.ReadDir(o.Output); err == nil && len(entries) > 0 {
		return exitcode.Usagef("--output %s: the directory is not empty", o.Output)
	}
	const root = "charts"
	return fs.WalkDir(manifests.FS, root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		inner, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		to := filepath.Join(o.Output, inner)
		if entry.IsDir() {
			return os.MkdirAll(to, 0o755)
		}
		data, err := fs.ReadFile(manifests.FS, name)
		if err != nil {
			return err
		}
		if path.Base(name) == "Chart.yaml" {
			data = bytes.Replace(data, []byte("\nappVersion: dev\n"), []byte("\nappVersion: "+strconv.Quote(version.String())+"\n"), 1)
			o.Factory.Say("wrote %s", filepath.Dir(to))
		}
		return os.WriteFile(to, data, 0o644)
	})
}
