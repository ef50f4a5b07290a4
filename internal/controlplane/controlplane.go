// Package controlplane wires the control plane together: sources feed one reducer, whose snapshots become views, which the xDS
// server hands to proxies. It takes listeners, never addresses.
package controlplane

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/meshctl/meshctl/internal/adminapi"
	"github.com/meshctl/meshctl/internal/agentapi"
	"github.com/meshctl/meshctl/internal/ca"
	"github.com/meshctl/meshctl/internal/registry"
	"github.com/meshctl/meshctl/internal/taphub"
	"github.com/meshctl/meshctl/internal/traffichub"
	"github.com/meshctl/meshctl/internal/xdsserver"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/source"
	"github.com/meshctl/meshctl/pkg/source/memory"
	"github.com/meshctl/meshctl/pkg/source/overlay"
	"github.com/meshctl/meshctl/pkg/xds"
)

// stopTimeout bounds how long an orderly end waits for streams and requests.
const stopTimeout = 5 * time.Second

// Options are the parts of a control plane. Listeners are closed by Run.
type Options struct {
	// Layers of configuration, lowest first; the workloads that agents register lie below all of them.
	Layers []source.Source
	Mesh   mesh.Options
	// Secure serves xDS, certificates and agents over TLS; nil for none. It needs Authority.
	Secure net.Listener
	// Plaintext serves xDS, without secrets, to anyone who connects; only ever on loopback. Nil for none.
	Plaintext net.Listener
	// Admin serves the HTTP API of the CLI; nil for none.
	Admin net.Listener
	// Authority signs certificates, Tokens proves who asks for the first one; both nil without Secure.
	Authority *ca.Authority
	Tokens    ca.Authenticator
	// Registrations keeps what agents registered across a restart; nil forgets it.
	Registrations registry.State
	// Instance is the name of this process in statuses, e.g. its host name; ConfigDirs what to show of Layers.
	Instance   string
	ConfigDirs []string
	// ServerNames are further DNS names under which clients know the control plane.
	ServerNames []string
	// PodsElsewhere means that a layer describes the workloads of pods: of the workloads that agents register only those of
	// WorkloadGroups become part of the mesh.
	PodsElsewhere bool
	// Workloads takes the WorkloadEntries of registered workloads, which then come back with a layer; nil: they are a layer of their own.
	Workloads registry.Emitter
	// Started, unless nil, is given the control plane before it serves. Resolved, unless nil, is told of every snapshot in turn; it must
	// not wait.
	Started  func(*ControlPlane)
	Resolved func(*mesh.Snapshot)
	Log      *slog.Logger // nil: silent
}

// ControlPlane is one running control plane.
type ControlPlane struct {
	o        Options
	log      *slog.Logger
	started  time.Time
	snapshot atomic.Pointer[mesh.Snapshot]
	sources  atomic.Pointer[[]config.Problem] // what the sources say is wrong
	catalog  *xds.Catalog
	registry *registry.Registry
	views    *views
	secure   *xdsserver.Server
	plain    *xdsserver.Server
	reported reporter
	taps     *taphub.Hub
	traffic  *traffichub.Hub
}

// Run runs a control plane until ctx is done, then stops it in good order and returns nil. An error means that it could not go on.
func Run(ctx context.Context, o Options) error {
	workloads := memory.New()
	var emitter registry.Emitter = workloads
	if o.Workloads != nil {
		emitter = o.Workloads
	}
	c, err := assemble(o, emitter)
	if err != nil {
		return err
	}
	if o.Started != nil {
		o.Started(c)
	}
	defer c.registry.Close()
	defer c.traffic.Close()
	group, ctx := errgroup.WithContext(ctx)
	// Agents' streams end first: the gRPC server would wait for them.
	defer context.AfterFunc(ctx, c.registry.Close)()
	layers := append([]source.Source{workloads}, o.Layers...)
	group.Go(func() error { return overlay.New(layers...).Run(ctx, c.reduce) })
	if o.Secure != nil {
		group.Go(func() error { return c.serveSecure(ctx) })
		group.Go(func() error { return c.renewStale(ctx) })
	}
	if o.Plaintext != nil {
		group.Go(func() error { return serveGRPC(ctx, o.Plaintext, c.plain, xdsserver.ServerOptions(), c.plain.Register) })
	}
	if o.Admin != nil {
		group.Go(func() error { return c.serveAdmin(ctx) })
	}
	return group.Wait()
}

func assemble(o Options, workloads registry.Emitter) (*ControlPlane, error) {
	if o.Secure != nil && o.Authority == nil {
		return nil, errors.New("control plane: a TLS listener needs a certificate authority")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	empty := mesh.Build(config.Set{}, o.Mesh)
	c := &ControlPlane{o: o, log: o.Log, started: time.Now(), catalog: xds.NewCatalog(empty)}
	c.snapshot.Store(empty)
	c.sources.Store(&[]config.Problem{})
	assembled, ready := make(chan struct{}), make(chan struct{})
	c.registry = registry.New(registry.Options{
		TrustDomain: empty.Config().TrustDomain, Emitter: workloads, State: o.Registrations,
		Group: c.workloadGroup, PortNames: c.portNames, Wanted: c.wanted, ProxyConfig: c.proxyConfig, Bootstrap: c.bootstrapPatches, Log: o.Log, Ready: ready,
		GroupsOnly: o.PodsElsewhere, Stale: c.stale, Tapped: c.tapped, Sampled: c.sampled,
		OnChange: func(nodeID string) {
			select {
			case <-assembled:
				c.views.agentChanged(nodeID)
				c.taps.Changed(nodeID)
			default: // the registry restores what it remembers: no proxy is connected yet
			}
		},
	})
	c.views = newViews(c.catalog, c.registry, ready)
	c.taps = c.newTaps()
	c.traffic = c.newTraffic()
	close(assembled)
	c.secure = xdsserver.New(xdsserver.Options{Views: entrance{c.views, authorizeByCertificate(empty.Config().TrustDomain)}})
	c.plain = xdsserver.New(xdsserver.Options{Views: entrance{c.views, authorizeAnyone}})
	return c, nil
}

// reduce is the one place where configuration changes: sources call it from one goroutine, one batch at a time.
func (c *ControlPlane) reduce(b config.Batch) {
	c.sources.Store(&b.Problems)
	after, change := c.snapshot.Load().Apply(b)
	c.snapshot.Store(after)
	c.views.advance(after, change)
	select {
	case <-c.views.ready:
	default:
		close(c.views.ready)
	}
	// Also when nothing changed for proxies: a WorkloadGroup concerns agents only.
	c.registry.Refresh()
	c.report()
	if c.o.Resolved != nil {
		c.o.Resolved(after)
	}
}

func (c *ControlPlane) serveSecure(ctx context.Context) error {
	serving := c.o.Authority.Serving(controlPlaneIdentity(c.snapshot.Load().Config()), slices.Concat(serverNames(c.snapshot.Load().Config()), c.o.ServerNames)...)
	config := ca.ServerTLS(ca.TLSOptions{
		Certificate: func() (*tls.Certificate, error) { return serving.Certificate() },
		Bundle:      c.o.Authority.TrustBundle,
	})
	options := append(xdsserver.ServerOptions(), grpc.Creds(credentials.NewTLS(config)))
	certificates := ca.NewService(c.o.Authority, c.o.Tokens, c.log)
	return serveGRPC(ctx, c.o.Secure, c.secure, options, c.secure.Register, certificates.Register, func(r grpc.ServiceRegistrar) {
		agentapi.RegisterAgentServer(r, c.registry)
	})
}

// controlPlaneIdentity is who meshd is, named as Istio's control plane.
func controlPlaneIdentity(m *mesh.Config) ca.Identity {
	return ca.Identity{TrustDomain: m.TrustDomain, Namespace: m.SystemNamespace, ServiceAccount: "istiod"}
}

// serverNames are the names under which agents know the control plane.
func serverNames(m *mesh.Config) []string {
	return []string{"istiod." + m.SystemNamespace + ".svc", "localhost", "127.0.0.1", "::1"}
}

// serveGRPC serves until ctx is done; then streams end, and the server waits for them no longer than stopTimeout.
func serveGRPC(ctx context.Context, l net.Listener, streams *xdsserver.Server, options []grpc.ServerOption, register ...func(grpc.ServiceRegistrar)) error {
	server := grpc.NewServer(options...)
	for _, r := range register {
		r(server)
	}
	cut, cutAll := context.WithCancel(context.WithoutCancel(ctx))
	defer cutAll()
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		<-ctx.Done()
		ending, cancel := context.WithTimeout(cut, stopTimeout)
		defer cancel()
		_ = streams.Stop(ending) // what has not ended by then is cut
		cutAll()
		server.Stop()
	}()
	err := server.Serve(cutListener{l, cut})
	if ctx.Err() == nil {
		return fmt.Errorf("serving on %s: %w", l.Addr(), err)
	}
	<-stopped
	return nil
}

func (c *ControlPlane) serveAdmin(ctx context.Context) error {
	server := &http.Server{Handler: adminapi.Handler(c), ReadHeaderTimeout: stopTimeout, BaseContext: func(net.Listener) context.Context { return ctx }}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		<-ctx.Done()
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		_ = server.Shutdown(ending)
	}()
	err := server.Serve(c.o.Admin)
	if !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving the admin API on %s: %w", c.o.Admin.Addr(), err)
	}
	<-stopped
	return nil
}
