package analyze

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/envoybin"
	"github.com/meshctl/meshctl/internal/envoyvalidate"
	"github.com/meshctl/meshctl/pkg/analyze"
)

type envoyOptions struct {
	// validate has the real Envoy judge what would be generated.
	validate bool
	// path of that Envoy; it is looked for when empty.
	path string
}

func (o *Options) envoyFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&o.envoy.validate, "validate-with-envoy", false, "have the real Envoy validate everything that would be generated, too")
	flags.StringVar(&o.envoy.path, "envoy", "", "path of the Envoy binary [$MESHCTL_ENVOY, PATH, the cache of meshctl envoy]")
}

// withEnvoy adds what Envoy refuses to a result. What it could not look at in time is a failure among those of analyzers.
func (o *Options) withEnvoy(ctx context.Context, in analyze.Input, result *analyze.Result) error {
	if !o.envoy.validate {
		return nil
	}
	found, err := envoybin.Find(ctx, o.Factory.Envoy(o.envoy.path))
	if err != nil {
		return err
	}
	if found.Warning != "" {
		o.Factory.Say("note: %s", found.Warning)
	}
	refused, err := envoyvalidate.Run(ctx, found.Path, in)
	if err != nil {
		result.Failed = append(result.Failed, analyze.Failure{Analyzer: envoyvalidate.Name, Reason: err.Error()})
	}
	result.Diagnostics = analyze.Merge(append(result.Diagnostics, refused...))
	return nil
}
