// Package inject is the command `meshctl inject`.
package inject

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/pkg/install/values"
)

// Options of the command.
type Options struct {
	Factory *factory.Factory
	Kube    factory.Kube
	// Files to read, - for standard input.
	Files          []string
	Undo           bool
	InjectorConfig string
	MeshConfig     string
	Revision       string
	System         string
	Sets           []string
	NativeSidecars bool
	Timeout        time.Duration
}

// NewCmd returns the command; runF replaces what it does, for tests.
func NewCmd(f *factory.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	o := &Options{Factory: f}
	if runF == nil {
		runF = run
	}
	cmd := &cobra.Command{
		Use:   "inject -f FILE",
		Short: "Add the proxy to the pods of workloads in files",
		Long: `Add the proxy to the pods of workloads in files, as the control plane does when pods are made: for namespaces that no webhook
serves, or to see what would be injected.

Workloads are Pod, Deployment, DaemonSet, StatefulSet, ReplicaSet, Job, CronJob and Lists of them. Other documents, and pods
that refuse (sidecar.istio.io/inject: "false") or use the host's network, are written as they are, byte for byte. Comments stay.

Without a cluster the settings are those of a new installation, changed by --set. With --kubeconfig or --context they are those
of the control plane in that cluster.`,
		Example: `  # Inject and apply
  meshctl inject -f deployment.yaml | kubectl apply -f -

  # With the settings of the cluster's control plane, of revision canary
  meshctl inject -f deployment.yaml --context prod --revision canary

  # From a copy of the injector's ConfigMap
  kubectl -n istio-system get cm istio-sidecar-injector -o yaml > injector.yaml
  meshctl inject -f deployment.yaml --injector-config injector.yaml

  # With images of one's own registry
  meshctl inject -f deployment.yaml --set values.global.hub=registry.example.com/mesh

  # Take the proxy out again
  meshctl inject --undo -f injected.yaml`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) > 0:
				return exitcode.Usagef("unexpected argument %q: name files with -f", args[0])
			case len(o.Files) == 0:
				return exitcode.Usagef("name what to inject with -f: a file, or - for standard input")
			case o.InjectorConfig != "" && o.Kube.Given(), len(o.Sets) > 0 && (o.InjectorConfig != "" || o.Kube.Given()):
				return exitcode.Usagef("give one of --injector-config, --set and the flags of a cluster: each says where the settings come from")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return runF(cmd.Context(), o) },
	}
	flags := cmd.Flags()
	o.Kube.AddFlags(flags)
	flags.StringArrayVarP(&o.Files, "filename", "f", nil, "file of workloads, - for standard input; may be repeated")
	flags.BoolVar(&o.Undo, "undo", false, "take out what was injected")
	flags.StringVar(&o.InjectorConfig, "injector-config", "", "file with the ConfigMap of an injector, in place of default settings")
	flags.StringVar(&o.MeshConfig, "mesh-config", "", "file with a MeshConfig or its ConfigMap")
	flags.StringVarP(&o.Revision, "revision", "r", "", "revision of the control plane that the proxies connect to")
	flags.StringVar(&o.System, "system-namespace", values.DefaultNamespace, "namespace of the control plane")
	flags.StringArrayVarP(&o.Sets, "set", "s", nil, "a single setting PATH=VALUE of an installation; may be repeated")
	flags.BoolVar(&o.NativeSidecars, "native-sidecars", true, "make the proxy a native sidecar, for Kubernetes 1.29 and later")
	flags.DurationVar(&o.Timeout, "timeout", 30*time.Second, "how long the cluster may take")
	return cmd
}

func run(ctx context.Context, o *Options) error {
	var with injection
	if !o.Undo {
		var err error
		if with, err = o.settings(ctx); err != nil {
			return err
		}
	}
	last := byte('\n')
	for i, path := range o.Files {
		data, err := o.read(path)
		if err != nil {
			return err
		}
		out, err := o.file(path, data, with)
		if err != nil {
			return err
		}
		if i > 0 {
			out = append([]byte(separator(last)), out...)
		}
		if len(out) > 0 {
			last = out[len(out)-1]
		}
		if _, err := o.Factory.IO.Out.Write(out); err != nil {
			return err
		}
	}
	return nil
}

// separator stands between two files, the first of which ends in last.
func separator(last byte) string {
	if last == '\n' {
		return "---\n"
	}
	return "\n---\n"
}
