package dashboard

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/portforward"
	"github.com/meshctl/meshctl/internal/remote"
)

// addon is a program next to the mesh that has a page of its own.
type addon struct {
	name, about string
	labels      []string
	port        int
	path        string
}

// addons are found by the labels that their charts and Istio's samples give them.
func addons() []addon {
	labels := func(name string) []string { return []string{"app.kubernetes.io/name=" + name, "app=" + name} }
	return []addon{
		{"prometheus", "Prometheus", labels("prometheus"), 9090, "/"},
		{"grafana", "Grafana", labels("grafana"), 3000, "/"},
		{"kiali", "Kiali", labels("kiali"), 20001, "/kiali"},
		{"jaeger", "Jaeger", labels("jaeger"), 16686, "/"},
		{"zipkin", "Zipkin", labels("zipkin"), 9411, "/zipkin/"},
	}
}

// forwardOptions are those of a subcommand.
type forwardOptions struct {
	factory   *factory.Factory
	mesh      factory.Mesh
	namespace string
	port      int
	browser   browser
}

func (o *forwardOptions) addFlags(cmd *cobra.Command) {
	cmd.Flags().IntVarP(&o.port, "port", "p", 0, "local port to listen at [any that is free]")
	cmd.Flags().StringVar(&o.browser.program, "browser", "", "program to open the address with [$BROWSER, or that of the desktop]")
	cmd.Flags().BoolVar(&o.browser.none, "no-browser", false, "only print the address")
}

func subcommands(f *factory.Factory) []*cobra.Command {
	var out []*cobra.Command
	for _, a := range addons() {
		out = append(out, addonCmd(f, a))
	}
	return append(out, envoyCmd(f), controlPlaneCmd(f))
}

func addonCmd(f *factory.Factory, a addon) *cobra.Command {
	o := &forwardOptions{factory: f}
	cmd := &cobra.Command{
		Use:   a.name,
		Short: "Open " + a.about + " of the cluster in a browser",
		Long: fmt.Sprintf(`Find %s in the cluster, forward a local port to it and open a browser. Ctrl-C ends it.

A ready pod with label %s is taken: in the namespace of the control plane, else in any; --namespace says where to look.`, a.about, strings.Join(a.labels, " or ")),
		Example: fmt.Sprintf("  meshctl dashboard %[1]s\n  meshctl dashboard %[1]s -n monitoring --no-browser", a.name),
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.addon(cmd.Context(), a) },
	}
	o.mesh.AddFlags(cmd, false)
	cmd.Flags().StringVarP(&o.namespace, "namespace", "n", "", "namespace to look in [that of the control plane, then all]")
	o.addFlags(cmd)
	return cmd
}

func (o *forwardOptions) addon(ctx context.Context, a addon) error {
	mesh, err := o.factory.ControlPlane(ctx, o.mesh)
	if err != nil {
		return err
	}
	cluster, ok := mesh.(*remote.Cluster)
	if !ok {
		return fmt.Errorf("%s is looked for in clusters, and this is a mesh on this machine: name a cluster with --kubeconfig or --context", a.name)
	}
	where := []string{cluster.System, ""}
	if o.namespace != "" {
		where = []string{o.namespace}
	}
	namespace, pod, err := cluster.PodOf(ctx, where, a.labels)
	if err != nil {
		return err
	}
	return o.forward(ctx, a.path, fmt.Sprintf("port %d of pod %s/%s", a.port, namespace, pod), func(ctx context.Context) (net.Conn, error) {
		return cluster.Dialer.DialPod(ctx, namespace, pod, a.port)
	})
}

func envoyCmd(f *factory.Factory) *cobra.Command {
	o := &forwardOptions{factory: f}
	cmd := &cobra.Command{
		Use:   "envoy WORKLOAD",
		Short: "Open the admin interface of a workload's Envoy in a browser",
		Long: `Open the admin interface of a workload's Envoy in a browser: in a cluster through a local port, which Ctrl-C closes; on the mesh on this machine
where it is. WORKLOAD is a proxy as in proxy-status, a pod, or KIND/NAME of something with pods.`,
		Example: `  meshctl dashboard envoy reviews-v1
  meshctl dashboard envoy deploy/reviews-v1 -n default --no-browser`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: f.CompleteProxy,
		RunE:              func(cmd *cobra.Command, args []string) error { return o.envoy(cmd.Context(), args[0]) },
	}
	o.mesh.AddFlags(cmd, true)
	o.addFlags(cmd)
	return cmd
}

func (o *forwardOptions) envoy(ctx context.Context, name string) error {
	mesh, err := o.factory.ControlPlane(ctx, o.mesh)
	if err != nil {
		return err
	}
	proxy, err := mesh.Find(ctx, name)
	if err != nil {
		return mesh.Unreachable(err)
	}
	if cluster, ok := mesh.(*remote.Cluster); ok {
		return o.forward(ctx, "/", "Envoy of "+proxy.ID, func(ctx context.Context) (net.Conn, error) { return cluster.DialEnvoy(ctx, proxy) })
	}
	if proxy.AdminAddress == "" {
		return fmt.Errorf("proxy %s has not said where its admin interface is; look at `meshctl proxy-status %s`", proxy.ID, proxy.ID)
	}
	return o.at(ctx, proxy.AdminAddress, "/", "Envoy of "+proxy.ID)
}

func controlPlaneCmd(f *factory.Factory) *cobra.Command {
	o := &forwardOptions{factory: f}
	cmd := &cobra.Command{
		Use:     "control-plane",
		Aliases: []string{"controlz", "meshd"},
		Short:   "Open the admin API of the control plane in a browser",
		Long: `Open the read-only admin API of the control plane in a browser, at its status: in a cluster through a local port, which Ctrl-C closes; on the mesh
on this machine where it is.`,
		Example: `  meshctl dashboard control-plane
  meshctl dashboard control-plane --revision canary --no-browser`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.controlPlane(cmd.Context()) },
	}
	o.mesh.AddFlags(cmd, false)
	o.addFlags(cmd)
	return cmd
}

// statusPath is where the admin API describes itself.
const statusPath = "/v1/status"

func (o *forwardOptions) controlPlane(ctx context.Context) error {
	mesh, err := o.factory.ControlPlane(ctx, o.mesh)
	if err != nil {
		return err
	}
	if cluster, ok := mesh.(*remote.Cluster); ok {
		instances, err := cluster.Instances(ctx)
		if err != nil {
			return err
		}
		first := instances[0]
		return o.forward(ctx, statusPath, "control plane "+first.Pod, func(ctx context.Context) (net.Conn, error) { return cluster.DialAdmin(ctx, first) })
	}
	if _, err := mesh.Status(ctx); err != nil {
		return mesh.Unreachable(err)
	}
	client, err := o.factory.Admin()
	if err != nil {
		return err
	}
	return o.at(ctx, client.Address(), statusPath, "the control plane")
}

// at opens what listens on this machine: itself, or through a local port when that was asked for or when it is a unix socket.
func (o *forwardOptions) at(ctx context.Context, address, path, what string) error {
	network := "tcp"
	if socket, ok := strings.CutPrefix(address, "unix:"); ok {
		network, address = "unix", socket
	}
	if network == "tcp" && o.port == 0 {
		o.browser.announce(ctx, o.factory, "http://"+address+path)
		return nil
	}
	return o.forward(ctx, path, what, func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, address)
	})
}

// forward listens at a local port and opens it, until ctx ends. That the other end answers is tried first.
func (o *forwardOptions) forward(ctx context.Context, path, what string, dial func(context.Context) (net.Conn, error)) error {
	if o.port < 0 || o.port > 65535 {
		return exitcode.Usagef("--port %d: use 1 to 65535", o.port)
	}
	tried, err := dial(ctx)
	if err != nil {
		return err
	}
	_ = tried.Close()
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(o.port)))
	if err != nil {
		return fmt.Errorf("%w: choose another port with --port", err)
	}
	o.factory.Say("forwarding %s to %s; Ctrl-C ends it", l.Addr(), what)
	o.browser.announce(ctx, o.factory, "http://"+l.Addr().String()+path)
	err = portforward.Serve(ctx, l, dial, func(err error) { o.factory.Say("%v", err) })
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
