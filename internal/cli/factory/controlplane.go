package factory

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/adminapi"
	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/internal/remote"
	"github.com/meshctl/meshctl/pkg/authz/ask"
	"github.com/meshctl/meshctl/pkg/proxyconfig/admin"
	"github.com/meshctl/meshctl/pkg/source/kube"
	"github.com/meshctl/meshctl/pkg/tap"
	"github.com/meshctl/meshctl/pkg/traffic"
)

// ControlPlane is a running mesh, on this machine or in a cluster: commands do not know which.
type ControlPlane interface {
	Status(ctx context.Context) (adminapi.Status, error)
	// Proxies returns all of them, ordered by ID.
	Proxies(ctx context.Context) ([]adminapi.Proxy, error)
	// Find returns the proxy that a user means.
	Find(ctx context.Context, name string) (adminapi.Proxy, error)
	// Config returns what a proxy is meant to run (see adminapi.Client).
	Config(ctx context.Context, id string) ([]byte, error)
	Rotate(ctx context.Context, id string) (adminapi.Certificate, error)
	Authorize(ctx context.Context, q ask.Query) ([]ask.Report, error)
	// Tap shows single requests until ctx ends (see adminapi.Client and adminapi.Follow).
	Tap(ctx context.Context, r tap.Request, each func(tap.Line) error) error
	// Traffic asks the proxies what they have counted, those that matter to a namespace or all (see trafficfeed).
	Traffic(ctx context.Context, namespace string) (traffic.Report, error)
	// DefaultNamespace is that of names which say none; empty where they mean any.
	DefaultNamespace() string
	// Envoy returns the admin client of a proxy.
	Envoy(p adminapi.Proxy) (*admin.Client, error)
	// Unreachable adds to an error what to do about it.
	Unreachable(err error) error
}

// Mesh are the flags by which commands find a running mesh.
type Mesh struct {
	Kube
	Revision, System string
	// Namespace is that of names in a cluster that say none.
	Namespace string
	named     func() bool
}

// AddFlags defines the flags; that of the namespace only where the command has no other use for -n.
func (m *Mesh) AddFlags(cmd *cobra.Command, namespace bool) {
	m.Kube.AddFlags(cmd.Flags())
	cmd.Flags().StringVar(&m.Revision, "revision", "", "in a cluster, ask the control planes of this revision only")
	cmd.Flags().StringVar(&m.System, "system-namespace", "istio-system", "in a cluster, the namespace of the control plane")
	if namespace {
		cmd.Flags().StringVarP(&m.Namespace, "namespace", "n", "", "in a cluster, the namespace of names that say none [that of the context]")
	}
	m.named = func() bool { return cmd.Flags().Changed("mesh") }
}

// ControlPlane returns the mesh that a command means: that of a cluster when a flag names one; else that which --mesh names; else the mesh on
// this machine when it runs; else that of the cluster of KUBECONFIG, of the default kubeconfig or of this pod.
func (f *Factory) ControlPlane(ctx context.Context, m Mesh) (ControlPlane, error) {
	named := m.named != nil && m.named()
	if named && m.Given() {
		return nil, exitcode.Usagef("--mesh means a mesh on this machine, --kubeconfig, --context and --as one in a cluster: give one of them")
	}
	if m.Given() {
		return f.cluster(m)
	}
	local, err := f.Admin()
	if err == nil && (named || answers(ctx, local.Address())) {
		return standaloneMesh{local, f}, nil
	}
	if err != nil && (named || !errors.Is(err, ErrNoMesh)) {
		return nil, err
	}
	there, failed := f.cluster(m)
	switch {
	case errors.Is(failed, kube.ErrNoCluster) && err != nil:
		return nil, err
	case errors.Is(failed, kube.ErrNoCluster):
		return standaloneMesh{local, f}, nil // which says that it does not answer
	case failed != nil:
		return nil, failed
	}
	return there, nil
}

// answers tells a mesh that runs from one that left only its state.
func answers(ctx context.Context, address string) bool {
	network := "tcp"
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		network, address = "unix", path
	}
	dialer := net.Dialer{Timeout: time.Second}
	c, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}

func (f *Factory) cluster(m Mesh) (ControlPlane, error) {
	access := f.Kube(m.Kube)
	config, name, err := access.Load()
	if err != nil {
		return nil, err
	}
	c, err := remote.New(config)
	if err != nil {
		return nil, fmt.Errorf("cluster %s: %w", name, err)
	}
	c.Name, c.System, c.Revision, c.Namespace = name, m.System, m.Revision, m.Namespace
	if c.Namespace == "" {
		c.Namespace = access.Namespace()
	}
	return c, nil
}

// standaloneMesh is the mesh on this machine.
type standaloneMesh struct {
	*adminapi.Client
	factory *Factory
}

// DefaultNamespace is none: there are few workloads on a machine.
func (standaloneMesh) DefaultNamespace() string { return "" }

func (s standaloneMesh) Unreachable(err error) error { return s.factory.Unreachable(err) }

func (s standaloneMesh) Find(ctx context.Context, name string) (adminapi.Proxy, error) {
	proxies, err := s.Proxies(ctx)
	if err != nil {
		return adminapi.Proxy{}, err
	}
	return adminapi.Resolve(proxies, name)
}

func (standaloneMesh) Envoy(p adminapi.Proxy) (*admin.Client, error) {
	if p.AdminAddress == "" {
		return nil, fmt.Errorf("proxy %s has not said where its admin interface is; look at `meshctl proxy-status %s`", p.ID, p.ID)
	}
	return admin.New(p.AdminAddress), nil
}

// CompleteProxy completes the names of proxies of a mesh on this machine; in a cluster that would take too long.
func (f *Factory) CompleteProxy(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(cmd.Context(), time.Second)
	defer cancel()
	client, err := f.Admin()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	proxies, err := client.Proxies(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	names := make([]string, len(proxies))
	for i, p := range proxies {
		names[i] = p.ID
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
