package factory

import (
	"path/filepath"
	"slices"

	"github.com/spf13/pflag"

	"github.com/meshctl/meshctl/pkg/source/kube"
)

// Kube are the flags by which commands find a cluster: those of kubectl that matter here. (The flags of k8s.io/cli-runtime come with
// discovery caches and printers, which every start of the program would pay for.)
type Kube struct {
	Kubeconfig, Context, As string
	AsGroups                []string
}

// AddFlags defines the flags.
func (k *Kube) AddFlags(flags *pflag.FlagSet) {
	flags.StringVar(&k.Kubeconfig, "kubeconfig", "", "kubeconfig file of the cluster")
	flags.StringVar(&k.Context, "context", "", "context of the kubeconfig")
	flags.StringVar(&k.As, "as", "", "user to impersonate in the cluster")
	flags.StringSliceVar(&k.AsGroups, "as-group", nil, "group to impersonate in the cluster; may be repeated")
}

// Given reports whether any of the flags says that a cluster is meant.
func (k *Kube) Given() bool {
	return k.Kubeconfig != "" || k.Context != "" || k.As != "" || len(k.AsGroups) > 0
}

// Kube returns the cluster that flags, KUBECONFIG or the default kubeconfig name.
func (f *Factory) Kube(flags Kube) kube.Access {
	files := slices.DeleteFunc(filepath.SplitList(f.Getenv("KUBECONFIG")), func(s string) bool { return s == "" })
	if home := f.Getenv("HOME"); len(files) == 0 && home != "" {
		files = []string{filepath.Join(home, ".kube", "config")}
	}
	return kube.Access{Kubeconfig: flags.Kubeconfig, Files: files, Context: flags.Context, As: flags.As, AsGroups: flags.AsGroups}
}
