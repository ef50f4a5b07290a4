// Package analyze is `meshctl analyze`: what is wrong with a mesh's configuration, or will surprise.
package analyze

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/cli/analyze/report"
	"github.com/meshctl/meshctl/internal/cli/factory"
)

// Options are the flags of the command.
type Options struct {
	Factory *factory.Factory
	Output  factory.Output
	// Paths are files, directories, patterns and "-".
	Paths []string
	// Namespace, unless empty, is the only one to report on. It does not change how the input is read.
	Namespace string
	// DefaultNamespace is that of objects that name none.
	DefaultNamespace string
	// SystemNamespace is where mesh-wide configuration lives.
	SystemNamespace string
	// MeshConfig is the file of a MeshConfig that takes the place of the one in the input.
	MeshConfig string
	// Kinds, Analyzers and Suppress are as the user wrote them, see choose.
	Kinds, Analyzers, Suppress []string
	FailOn                     string
	// Undecided lists every open question.
	Undecided bool
	List      bool
	Explain   string
	// Base is a directory or a commit to compare with.
	Base     string
	baseline baselineOptions
	fix      fixOptions
	watch    bool
	live     liveOptions
	envoy    envoyOptions
}

// NewCmd returns the command; runF replaces what it does, in tests.
func NewCmd(f *factory.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	o := &Options{Factory: f}
	if runF == nil {
		runF = run
	}
	cmd := &cobra.Command{
		Use:     "analyze [FILE|DIR|GLOB|-]...",
		Short:   "Find what is wrong with a mesh's configuration, or will surprise",
		Long:    long,
		Example: examples,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Paths = args
			return runF(cmd.Context(), o)
		},
	}
	o.inputFlags(cmd)
	o.liveFlags(cmd)
	o.envoyFlags(cmd)
	o.choiceFlags(cmd)
	o.fixFlags(cmd)
	o.baselineFlags(cmd)
	o.baseFlags(cmd)
	o.watchFlags(cmd)
	o.Output.AddFlag(cmd, report.Formats()...)
	o.completions(cmd)
	return cmd
}

const long = `Judge the mesh that the configuration makes, as the control plane resolves it, and tell what is wrong or will surprise: where, why, what
comes of it, and how to repair it.

Everything that is given is used and reported on; --namespace and --kinds narrow the report, not what is looked at. What cannot be told,
because the input has no object of a kind at all, is said to be undecided and is no finding. An object without a namespace is in the one
that --default-namespace names. Objects suppress codes of their own with the annotation galley.istio.io/analyze-suppress.

Exit codes, in every format: 0 nothing at or above the level of --fail-on, 1 it could not be done, 2 the command line is wrong, 3 findings
at or above the level.`

const examples = `  # Files before they are applied; a directory with all that is in it; standard input
  meshctl analyze config/
  kubectl kustomize overlays/prod | meshctl analyze -

  # What one namespace's team has to do, with warnings as failures
  meshctl analyze config/ -n shop --fail-on warning

  # For GitHub's code scanning, a merge request in GitLab, any CI system
  meshctl analyze config/ -o sarif > analyze.sarif
  meshctl analyze config/ -o gitlab > gl-code-quality-report.json
  meshctl analyze config/ -o junit > analyze.xml

  # Without what is meant to be so
  meshctl analyze config/ --suppress "IST0102=Namespace legacy-*" --suppress "MSH0201=VirtualService shop/*"

  # What a change brings about, compared with a branch; only that counts
  meshctl analyze config/ --base origin/main

  # Repair what can be repaired safely; see first what would change
  meshctl analyze config/ --fix --dry-run
  meshctl analyze config/ --fix

  # Start with what is there, and fail on what is new
  meshctl analyze config/ --write-baseline baseline.yaml --reason "before we had analyze"
  meshctl analyze config/ --baseline baseline.yaml

  # While writing
  meshctl analyze config/ --watch

  # Some analyzers only; which ones there are; what a code means
  meshctl analyze config/ --analyzer "virtualservice-*,schema"
  meshctl analyze --list
  meshctl analyze --explain IST0101`

func (o *Options) inputFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&o.DefaultNamespace, "default-namespace", "default", "namespace of objects that name none")
	flags.StringVar(&o.SystemNamespace, "system-namespace", "istio-system", "root namespace of the mesh")
	flags.StringVar(&o.MeshConfig, "mesh-config", "", "file with the MeshConfig (as such, or in a ConfigMap) to use instead of the input's")
}

func (o *Options) choiceFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&o.Namespace, "namespace", "n", "", "report on this namespace, and what has none, only")
	flags.StringSliceVar(&o.Kinds, "kinds", nil, "report on these kinds only")
	flags.StringSliceVar(&o.Analyzers, "analyzer", nil, "run these analyzers only: names or patterns, see --list")
	flags.StringArrayVar(&o.Suppress, "suppress", nil, `leave out findings: "CODE=KIND NAMESPACE/NAME", each may be a pattern; may be repeated`)
	flags.StringVar(&o.FailOn, "fail-on", "error", "exit with 3 when there is a finding of this level or above: error|warning|info")
	flags.BoolVar(&o.Undecided, "undecided", false, "list every question that the input left open, instead of a summary for each code")
	flags.BoolVar(&o.List, "list", false, "list the analyzers")
	flags.StringVar(&o.Explain, "explain", "", "explain a code")
}
