package xds

import (
	"sync"
	"sync/atomic"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// Catalog turns snapshots of the mesh into one view per proxy. Proxies of one scope share their resources; what did not
// change keeps its pointer from snapshot to snapshot. All methods may be called by any goroutine.
type Catalog struct {
	mu       sync.Mutex
	snapshot *mesh.Snapshot
	memo     *memo
	scopes   map[scopeKey]*scopeView
	members  map[*Member]struct{}
	filters  map[config.Key]*compiled // EnvoyFilters as they have been read
}

// NewCatalog returns a catalog of a snapshot, without members.
func NewCatalog(s *mesh.Snapshot) *Catalog {
	return &Catalog{snapshot: s, memo: newMemo(), scopes: map[scopeKey]*scopeView{}, members: map[*Member]struct{}{}, filters: map[config.Key]*compiled{}}
}

// Member is a proxy that the catalog keeps a view for, from Join to Leave.
type Member struct {
	catalog *Catalog
	view    atomic.Pointer[View]

	// Guarded by catalog.mu.
	proxy mesh.Proxy
	scope *scopeView
	own   *ownSet
}

// Join adds a proxy and makes its view.
func (c *Catalog) Join(p mesh.Proxy) *Member {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := &Member{catalog: c, proxy: p}
	c.members[m] = struct{}{}
	c.resolve(m)
	c.settle(m)
	return m
}

// View returns what the proxy should run now.
func (m *Member) View() *View { return m.view.Load() }

// Update says that the proxy itself changed (its bindings, its labels), and reports whether its view did.
func (m *Member) Update(p mesh.Proxy) bool {
	c := m.catalog
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, joined := c.members[m]; !joined {
		return false
	}
	m.proxy = p
	c.resolve(m)
	return c.settle(m)
}

// Leave removes the proxy; a scope without proxies is forgotten.
func (m *Member) Leave() {
	c := m.catalog
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.members, m)
	c.setScope(m, nil)
}

// Advance moves the catalog to the next snapshot and returns the members whose view changed.
func (c *Catalog) Advance(s *mesh.Snapshot, change mesh.Change) []*Member {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.snapshot = s
	if change.Empty() {
		return nil
	}
	c.forgetFilters()
	moved := c.rekey(change)
	for _, v := range c.scopes {
		c.advanceScope(v, change)
	}
	services := !change.EndpointsOnly()
	var changed []*Member
	for m := range c.members {
		switch {
		case moved[m]:
			c.resolve(m)
		case change.Reaches(m.proxy) || services && m.own.needsServices:
			m.own = c.builderFor(m.scope).own(m.proxy)
		}
		if c.settle(m) {
			changed = append(changed, m)
		}
	}
	return changed
}

// resolve finds the member's scope and makes what is its own.
func (c *Catalog) resolve(m *Member) {
	c.setScope(m, c.scopeFor(m.proxy))
	m.own = c.builderFor(m.scope).own(m.proxy)
}

// rekey takes the members out of their scopes that belong to another one now. It comes before the scopes are resolved again, which
// is done for one of the members: that must still be one.
func (c *Catalog) rekey(change mesh.Change) map[*Member]bool {
	moved := map[*Member]bool{}
	for m := range c.members {
		if change.Rekeys(m.proxy) && c.keyOf(m.proxy) != m.scope.key {
			moved[m] = true
			c.setScope(m, nil)
		}
	}
	return moved
}

// settle joins what the member shares and what is its own, and reports whether its view differs from the one before.
func (c *Catalog) settle(m *Member) bool {
	before := m.view.Load()
	after := m.scope.viewWith(m.own, before)
	if before == after {
		return false
	}
	m.view.Store(after)
	return before != nil
}

func (c *Catalog) setScope(m *Member, v *scopeView) {
	if m.scope == v {
		return
	}
	if old := m.scope; old != nil {
		if delete(old.members, m); len(old.members) == 0 {
			delete(c.scopes, old.key)
		}
	}
	if m.scope = v; v != nil {
		v.members[m] = struct{}{}
	}
}

func (c *Catalog) keyOf(p mesh.Proxy) scopeKey {
	k := scopeKey{ScopeKey: c.snapshot.ScopeKey(p), Locality: p.Locality, Network: p.Network}
	if program := c.program(p); program != nil {
		k.Program = program.Digest
	}
	return k
}

func (c *Catalog) scopeFor(p mesh.Proxy) *scopeView {
	key := c.keyOf(p)
	if v := c.scopes[key]; v != nil {
		return v
	}
	v := &scopeView{key: key, members: map[*Member]struct{}{}, founder: p, program: c.program(p)}
	c.buildScope(v, p)
	c.scopes[key] = v
	return v
}

// Problems returns what could not be translated as its author meant it, over all views, in no particular order.
func (c *Catalog) Problems() []config.Problem {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.filterProblems()
	for _, v := range c.scopes {
		out = v.problems(out)
	}
	for m := range c.members {
		out = append(out, m.own.problems...)
	}
	for i := range out {
		out[i] = c.snapshot.Attribute(out[i])
	}
	return out
}
