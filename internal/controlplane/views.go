package controlplane

import (
	"context"
	"sync"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"

	"github.com/meshctl/meshctl/internal/ca"
	"github.com/meshctl/meshctl/internal/registry"
	"github.com/meshctl/meshctl/internal/xdsserver"
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/xds"
)

// views hands every stream its view. There is one for all listeners; entrance makes the difference between them.
type views struct {
	catalog  *xds.Catalog
	registry *registry.Registry
	// ready is closed when the first full configuration is in: a proxy that connects earlier would be told that the mesh is empty.
	ready chan struct{}

	mu       sync.Mutex
	byMember map[*xds.Member]*session
	byNode   map[string]map[*session]struct{}
}

func newViews(catalog *xds.Catalog, r *registry.Registry, ready chan struct{}) *views {
	return &views{
		catalog: catalog, registry: r, ready: ready,
		byMember: map[*xds.Member]*session{}, byNode: map[string]map[*session]struct{}{},
	}
}

// entrance is a listener's way to the views.
type entrance struct {
	*views
	// authorize decides whether a peer may be the proxy that it claims to be.
	authorize func(mesh.Proxy, *ca.Identity) error
}

// Connect implements xdsserver.Views.
func (e entrance) Connect(ctx context.Context, node *corev3.Node, peer *ca.Identity) (xdsserver.Session, error) {
	p, err := proxyOf(node)
	if err != nil {
		return nil, err
	}
	if err := e.authorize(p, peer); err != nil {
		return nil, err
	}
	p.Trusted = peer != nil
	select {
	case <-e.ready:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return e.open(p), nil
}

func (v *views) open(p mesh.Proxy) *session {
	s := &session{views: v, claimed: p, changed: make(chan struct{}, 1)}
	v.mu.Lock()
	defer v.mu.Unlock()
	s.member = v.catalog.Join(v.registered(p))
	v.byMember[s.member] = s
	if v.byNode[p.ID] == nil {
		v.byNode[p.ID] = map[*session]struct{}{}
	}
	v.byNode[p.ID][s] = struct{}{}
	return s
}

func (v *views) forget(s *session) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.byMember, s.member)
	delete(v.byNode[s.claimed.ID], s)
	if len(v.byNode[s.claimed.ID]) == 0 {
		delete(v.byNode, s.claimed.ID)
	}
	s.member.Leave()
}

// registered adds to a proxy what its agent told us: where it listens, and what its group says.
func (v *views) registered(p mesh.Proxy) mesh.Proxy {
	w, ok := v.registry.Lookup(p.ID)
	if !ok {
		return p
	}
	return withRegistration(p, w)
}

func withRegistration(p mesh.Proxy, w registry.Session) mesh.Proxy {
	p.Labels = w.Proxy.Labels
	p.Bindings, p.AppPorts = w.Bindings, w.Proxy.Ports
	if p.Network == "" {
		p.Network = w.Proxy.Network
	}
	if p.Locality == "" {
		p.Locality = w.Proxy.Locality
	}
	return p
}

// agentChanged is told by the registry that what it knows of a proxy changed.
func (v *views) agentChanged(nodeID string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for s := range v.byNode[nodeID] {
		if s.member.Update(v.registered(s.claimed)) {
			s.wake()
		}
	}
}

// advance moves every view to the next snapshot and wakes those that changed.
func (v *views) advance(s *mesh.Snapshot, change mesh.Change) {
	changed := v.catalog.Advance(s, change)
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, m := range changed {
		if s := v.byMember[m]; s != nil {
			s.wake()
		}
	}
}

// find returns the session of a connected proxy by "NAME.NAMESPACE", nil when there is none.
func (v *views) find(id string) *session {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, s := range v.byMember {
		if s.claimed.Name+"."+s.claimed.Namespace == id {
			return s
		}
	}
	return nil
}
