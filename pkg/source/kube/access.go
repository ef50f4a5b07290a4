package kube

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// ErrNoCluster means that nothing says which cluster to use.
var ErrNoCluster = errors.New("no kubeconfig names a cluster, and this is no pod of one")

// Access says which cluster to use, and as whom, as kubectl's flags and environment do. See
// https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/.
type Access struct {
	// Kubeconfig is the only file to read, when it is set; else Files are, the earlier ones over the later ones. Those that do not exist
	// are passed over.
	Kubeconfig string
	Files      []string
	// Context is the one to use instead of the current one.
	Context string
	// As and AsGroups are whom to impersonate.
	As       string
	AsGroups []string
}

// Load returns how to reach the cluster, and the name under which people know it: that of the context. Without any kubeconfig it is
// the cluster of the pod that this program runs in; else the error is ErrNoCluster.
func (a Access) Load() (c *rest.Config, name string, err error) {
	rules := &clientcmd.ClientConfigLoadingRules{ExplicitPath: a.Kubeconfig, Precedence: a.Files}
	overrides := &clientcmd.ConfigOverrides{CurrentContext: a.Context}
	overrides.AuthInfo.Impersonate, overrides.AuthInfo.ImpersonateGroups = a.As, a.AsGroups
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides)
	raw, err := loader.RawConfig()
	if err != nil {
		return nil, "", fmt.Errorf("kubeconfig: %w", err)
	}
	name = a.Context
	if name == "" {
		name = raw.CurrentContext
	}
	if len(raw.Contexts) == 0 && len(raw.Clusters) == 0 && name == "" && a.Kubeconfig == "" {
		return a.inCluster()
	}
	if raw.Contexts[name] == nil {
		return nil, "", noContext(name, raw)
	}
	if c, err = loader.ClientConfig(); err != nil {
		return nil, "", fmt.Errorf("kubeconfig, context %q: %w", name, err)
	}
	c.UserAgent = userAgent
	return c, name, nil
}

// Namespace is that of the context, "default" when it names none.
func (a Access) Namespace() string {
	rules := &clientcmd.ClientConfigLoadingRules{ExplicitPath: a.Kubeconfig, Precedence: a.Files}
	namespace, _, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: a.Context}).Namespace()
	if err != nil || namespace == "" {
		return "default"
	}
	return namespace
}

const userAgent = "meshctl"

func (a Access) inCluster() (*rest.Config, string, error) {
	c, err := rest.InClusterConfig()
	if errors.Is(err, rest.ErrNotInCluster) {
		return nil, "", ErrNoCluster
	}
	if err != nil {
		return nil, "", fmt.Errorf("the cluster of this pod: %w", err)
	}
	c.UserAgent = userAgent
	c.Impersonate = rest.ImpersonationConfig{UserName: a.As, Groups: a.AsGroups}
	return c, "of this pod", nil
}

func noContext(name string, raw clientcmdapi.Config) error {
	there := "it has none"
	if len(raw.Contexts) > 0 {
		there = "it has " + strings.Join(slices.Sorted(maps.Keys(raw.Contexts)), ", ")
	}
	if name == "" {
		return fmt.Errorf("the kubeconfig has no current context: name one with --context (%s)", there)
	}
	return fmt.Errorf("the kubeconfig has no context %q (%s)", name, there)
}
