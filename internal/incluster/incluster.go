// Package incluster runs the control plane in a Kubernetes cluster: configuration from the API server, certificates from Secrets, the
// webhooks, and, in one replica, what is written back.
package incluster

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/meshctl/meshctl/internal/ca"
	"github.com/meshctl/meshctl/internal/controlplane"
	"github.com/meshctl/meshctl/internal/footprint"
	"github.com/meshctl/meshctl/internal/kubeca"
	"github.com/meshctl/meshctl/internal/leader"
	"github.com/meshctl/meshctl/internal/revision"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/source"
	"github.com/meshctl/meshctl/pkg/source/kube"
)

// Options say which mesh to run in which cluster. Listeners are closed by Run; one that is nil serves nothing.
type Options struct {
	// Cluster is how to reach the API server, ClusterName how people know it.
	Cluster     *rest.Config
	ClusterName string
	// Revision of this control plane; "" and "default" are the one without a name.
	Revision string
	// SystemNamespace, Domain, TrustDomain and ClusterID are those of mesh.Options.
	SystemNamespace, Domain, TrustDomain, ClusterID string
	// Instance is the name of this replica, that of its pod.
	Instance string
	// XDS serves proxies and agents over TLS, Webhook the API server over HTTPS, Monitoring plain HTTP (/ready, /healthz, /version,
	// /metrics), Admin the API of the CLI on loopback.
	XDS, Webhook, Monitoring, Admin net.Listener
	// NoGatewayDeployments: proxies for Gateways of the Gateway API are deployed by hand.
	NoGatewayDeployments bool
	// Drain is how long the control plane goes on serving, no longer ready, after ctx is done: those who connect meanwhile find another
	// replica. Default 3 s; negative for not at all.
	Drain time.Duration
	Log   *slog.Logger // nil: silent
}

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Revision == "" {
		o.Revision = revision.Default
	}
	if o.SystemNamespace == "" {
		o.SystemNamespace = "istio-system"
	}
	if o.TrustDomain == "" {
		o.TrustDomain = ca.DefaultTrustDomain
	}
	if o.Drain == 0 {
		o.Drain = 3 * time.Second
	}
	return o
}

// settleAfter is how long after it is ready a control plane has started in all its parts.
const settleAfter = 3 * time.Second

// suffix is what the names of the revision's objects end in.
func (o Options) suffix() string {
	if o.Revision == revision.Default {
		return ""
	}
	return "-" + o.Revision
}

func (o Options) service() string { return "istiod" + o.suffix() }

// serverNames are the DNS names of the revision's Service.
func (o Options) serverNames() []string {
	own := o.service() + "." + o.SystemNamespace + ".svc"
	names := []string{own}
	if o.Domain != "" {
		names = append(names, own+"."+o.Domain)
	}
	return names
}

// process is one run.
type process struct {
	o       Options
	client  dynamic.Interface
	cluster *kube.Cluster
	names   *revision.Names
	metrics *metrics
	keeper  *kubeca.Keeper
	// Sent to when the mesh may be another one: for statuses, and for what is deployed for Gateways.
	changed, gateways chan struct{}
	ready             atomic.Bool
	control           atomic.Pointer[controlplane.ControlPlane]
}

// Run runs the control plane until ctx is done, then lets proxies go over to other replicas and returns nil. An error means that it could
// not go on.
func Run(ctx context.Context, o Options) error {
	p := &process{o: o.withDefaults(), changed: make(chan struct{}, 1), gateways: make(chan struct{}, 1)}
	p.names = revision.New(p.o.Revision)
	if err := p.connect(); err != nil {
		return err
	}
	defer p.cluster.Close()
	p.metrics = newMetrics(p)
	// What serves goes on for a while after ctx is done.
	serving, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	group, serving := errgroup.WithContext(serving)
	if o.Monitoring != nil {
		group.Go(func() error { return serveHTTP(serving, o.Monitoring, p.monitoring(), nil) })
	}
	group.Go(func() error {
		defer end()
		return p.run(ctx, serving)
	})
	return group.Wait()
}

func (p *process) connect() error {
	config := rest.CopyConfig(p.o.Cluster)
	if config.QPS == 0 { // else five requests a second: a thousand agents that start at once would wait minutes
		config.QPS, config.Burst = 100, 200
	}
	var err error
	if p.client, err = dynamic.NewForConfig(config); err != nil {
		return fmt.Errorf("client of the cluster: %w", err)
	}
	p.cluster, err = kube.New(p.o.Cluster, kube.Options{Name: p.o.ClusterName})
	return err
}

// run does everything that needs a certificate authority. The writers end with ctx, so that another replica writes at once; what serves
// ends later.
func (p *process) run(ctx, serving context.Context) error {
	keeper, err := kubeca.Open(ctx, kubeca.Options{Client: p.client, Namespace: p.o.SystemNamespace, TrustDomain: p.o.TrustDomain, Log: p.o.Log})
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	p.keeper = keeper
	serving, end := context.WithCancel(serving)
	defer end()
	group, serving := errgroup.WithContext(serving)
	started := make(chan struct{})
	group.Go(func() error { return keeper.Run(serving) })
	group.Go(func() error { p.names.Run(serving, p.client); return nil })
	group.Go(func() error { return p.wakeByNames(serving) })
	group.Go(func() error {
		return controlplane.Run(serving, p.options(p.cluster.Watch(mesh.Kinds()), func(c *controlplane.ControlPlane) {
			p.control.Store(c)
			close(started)
		}))
	})
	group.Go(func() error { return p.afterStart(ctx, serving, started) })
	group.Go(func() error {
		defer end()
		return p.drain(ctx, serving)
	})
	return group.Wait()
}

// afterStart runs what needs the mesh: the webhooks, and the writers once there is something to write about.
func (p *process) afterStart(ctx, serving context.Context, started <-chan struct{}) error {
	select {
	case <-serving.Done():
		return nil
	case <-started:
	}
	control := p.control.Load()
	group, serving := errgroup.WithContext(serving)
	if p.o.Webhook != nil {
		group.Go(func() error { return p.serveWebhooks(serving) })
	}
	group.Go(func() error {
		select {
		case <-serving.Done():
			return nil
		case <-control.Ready():
		}
		p.ready.Store(ctx.Err() == nil)
		p.o.Log.Info("ready", "revision", p.o.Revision)
		group.Go(func() error { return settle(serving) })
		leading, stop := context.WithCancel(ctx)
		defer stop()
		defer context.AfterFunc(serving, stop)()
		return leader.Run(leading, p.election())
	})
	return group.Wait()
}

// settle gives back what only the start took, when that is over: the writers begin and proxies come back at once.
func settle(ctx context.Context) error {
	timer := time.NewTimer(settleAfter)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
		footprint.Settle()
	}
	return nil
}

// drain returns some time after ctx is done.
func (p *process) drain(ctx, serving context.Context) error {
	select {
	case <-serving.Done():
		return nil
	case <-ctx.Done():
	}
	p.ready.Store(false)
	if p.o.Drain < 0 {
		return nil
	}
	p.o.Log.Info("stopping: no longer ready, still serving", "for", p.o.Drain.String())
	timer := time.NewTimer(p.o.Drain)
	defer timer.Stop()
	select {
	case <-serving.Done():
	case <-timer.C:
	}
	return nil
}

func (p *process) options(from source.Source, started func(*controlplane.ControlPlane)) controlplane.Options {
	return controlplane.Options{
		Layers: []source.Source{ofRevision{from, p.names, p.o.Log}},
		Mesh: mesh.Options{
			SystemNamespace: p.o.SystemNamespace, DomainSuffix: p.o.Domain, TrustDomain: p.o.TrustDomain,
			ConfigName: config.MeshConfigName + p.o.suffix(), ClusterID: p.o.ClusterID,
		},
		Secure: p.o.XDS, Admin: p.o.Admin,
		Authority: p.keeper.Authority(), Tokens: kubeca.NewTokens(p.client, p.o.TrustDomain),
		Instance: p.o.Instance, ServerNames: p.o.serverNames(), PodsElsewhere: true,
		Started: started, Resolved: func(*mesh.Snapshot) { p.wake() }, Log: p.o.Log,
	}
}

func (p *process) election() leader.Options {
	authority := p.keeper.Authority()
	writers := []leader.Writer{
		leader.RootCertificates(p.client, authority, p.o.Log),
		leader.Webhooks{Client: p.client, Service: p.o.service(), Namespace: p.o.SystemNamespace, Trust: authority, Log: p.o.Log}.Writer(),
	}
	writers = append(writers, p.statuses())
	if !p.o.NoGatewayDeployments {
		writers = append(writers, p.deployments())
	}
	return leader.Options{
		Client: p.client, Namespace: p.o.SystemNamespace, Lease: "istio-leader" + p.o.suffix(), Identity: p.o.Instance,
		Writers: writers, Leading: p.metrics.lead, Log: p.o.Log,
	}
}
